import { attention } from './attention.js';
import { convolution } from './convolution.js';
import { dense } from './dense.js';
import { einsum } from './einsum.js';
import { elementwiseRows } from './elementwise.js';
import { indexing } from './indexing.js';
import { normalization } from './normalization.js';
import { pooling } from './pooling.js';
import { quantized } from './quantized.js';
import { recurrent } from './recurrent.js';
import { reductions } from './reductions.js';
import { resizing } from './resizing.js';
import { sampling } from './sampling.js';
import { shapes } from './shapes.js';
import type { ChannelRow } from './site.js';
import { slicing } from './slicing.js';

/** How channels travel through operators, by operator type. A new operator is one row in one of the families. */
const CHANNELS: Readonly<Record<string, ChannelRow>> = {
  ...attention,
  ...convolution,
  ...dense,
  ...einsum,
  ...elementwiseRows,
  ...indexing,
  ...normalization,
  ...pooling,
  ...quantized,
  ...recurrent,
  ...reductions,
  ...resizing,
  ...sampling,
  ...shapes,
  ...slicing,
};

/** The row of an operator; undefined where it has none. */
export function channelRow(type: string): ChannelRow | undefined {
  return CHANNELS[type];
}

/** Every operator type whose channels can be followed. */
export function followedOperators(): string[] {
  return Object.keys(CHANNELS);
}
