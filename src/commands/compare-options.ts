import type { z } from 'zod';
import { comparisonGatesShape, exact, flag, judgingShape, path } from './schemas.js';

/** What `nncompress compare` takes besides the two models. */
export const compareOptions = exact({
  ...judgingShape,
  ...comparisonGatesShape,
  /** True: inner values are compared too. */
  layers: flag().default(false),
  data: path(),
});

export type CompareOptions = z.output<typeof compareOptions>;
