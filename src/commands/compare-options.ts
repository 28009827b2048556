import type { z } from 'zod';
import { comparisonGatesShape, judgingShape } from './option-shapes.js';
import { exact, flag, path } from './option-values.js';

/** What `nncompress compare` takes besides the two models. */
export const compareOptions = exact({
  ...judgingShape,
  ...comparisonGatesShape,
  /** True: inner values are compared too. */
  layers: flag().default(false),
  data: path(),
});

export type CompareOptions = z.output<typeof compareOptions>;
