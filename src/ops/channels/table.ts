import { convolution } from './convolution.js';
import { dense } from './dense.js';
import { elementwiseRows } from './elementwise.js';
import { normalization } from './normalization.js';
import { pooling } from './pooling.js';
import { reductions } from './reductions.js';
import { shapes } from './shapes.js';
import type { ChannelRow } from './site.js';

/** How channels travel through operators, by operator type. A new operator is one row in one of the families. */
const CHANNELS: Readonly<Record<string, ChannelRow>> = {
  ...convolution,
  ...dense,
  ...elementwiseRows,
  ...normalization,
  ...pooling,
  ...reductions,
  ...shapes,
};

/** The row of an operator; undefined where it has none. */
export function channelRow(type: string): ChannelRow | undefined {
  return CHANNELS[type];
}

/** Every operator type whose channels can be followed. */
export function followedOperators(): string[] {
  return Object.keys(CHANNELS);
}
