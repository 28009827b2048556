import { activation, zeros } from './activations.js';
import type { Criterion } from './criterion.js';
import { reconstruction } from './reconstruction.js';
import { batchNorm, l1, l2, random } from './weights.js';

/** Ways to tell which channels matter least, by name. Those that need gradients are with training. */
export const CRITERIA = {
  reconstruction,
  l1,
  l2,
  'batch-norm': batchNorm,
  activation,
  zeros,
  random,
} satisfies Record<string, Criterion>;
