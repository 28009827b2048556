import { DATA_TYPES } from '../ir/types.js';
import type { Layers } from './layers.js';
import { largest, type Sequence, sequenceOf } from './sequences.js';
import { BLOCK, type StudentTemplate } from './template.js';

/** Gates of the cells, and the one whose bias begins at 1 so that states are kept (Jozefowicz et al. 2015). */
const CELLS = { GRU: { gates: 3, kept: undefined }, LSTM: { gates: 4, kept: 2 } } as const;

/** One recurrent layer in both directions, the largest value of each unit. */
const recurrent = (op: keyof typeof CELLS, about: string): StudentTemplate => ({
  name: op.toLowerCase(),
  about,
  suits: ['tokens', 'spectrogram', 'sequence'],
  widths: [64, 128],
  block: BLOCK,
  build(layers, input, [embedding, hidden]) {
    const sequence = sequenceOf(layers, input, embedding!);
    return largest(layers, bothWays(layers.within(op.toLowerCase()), op, sequence, hidden!));
  },
});

function bothWays(layers: Layers, op: keyof typeof CELLS, x: Sequence, hidden: number): Sequence {
  const { g } = layers;
  const { gates, kept } = CELLS[op];
  const rows = gates * hidden;
  const weights = [x.width, hidden].map((inputs, k) =>
    layers.weight(k ? 'recurrence' : 'weight', [2, rows, inputs], Math.sqrt(2 / (inputs + hidden))),
  );
  const bias = layers.filled('bias', [2, 2 * rows], (place) =>
    Math.floor((place % (2 * rows)) / hidden) === kept ? 1 : 0,
  );
  const length = x.mask && g.cast(g.sum(x.mask, [1, 2], false), DATA_TYPES.int32.code);
  const inputs = [g.transpose(x.value, [1, 0, 2]), ...weights, bias, length];
  const reset = op === 'GRU' ? { linear_before_reset: 1 } : {};
  const y = g.op(op, inputs, { hidden_size: hidden, direction: 'bidirectional', ...reset });
  const joined = g.reshape(g.transpose(y, [2, 0, 1, 3]), [0, 0, 2 * hidden]);
  return { value: joined, width: 2 * hidden, mask: x.mask };
}

export const gru = recurrent('GRU', 'bidirectional GRU (Cho et al. 2014) with the maximum over time');
export const lstm = recurrent(
  'LSTM',
  'bidirectional LSTM (Hochreiter and Schmidhuber 1997) with the maximum over time',
);
