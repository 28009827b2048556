import { QUANTIZED_CONSTANTS } from '../constants.js';
import type { ChannelRow } from './site.js';

const refused: ChannelRow = {
  couple: (site) => site.refuse('quantized models are not pruned; prune first, then quantize'),
};

/** Operators of quantized models, whose scales and packed weights are made for the channels that there are. */
export const quantized: Record<string, ChannelRow> = Object.fromEntries(
  [...Object.keys(QUANTIZED_CONSTANTS), 'DynamicQuantizeLinear'].map((type) => [type, refused]),
);
