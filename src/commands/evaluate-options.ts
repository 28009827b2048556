import { z } from 'zod';
import { judgingShape } from './option-shapes.js';
import { exact } from './option-values.js';

/** What `nncompress evaluate` takes besides the model. */
export const evaluateOptions = exact({
  ...judgingShape,
  /** Corruptions of the data, to see how robust the model is. */
  corrupt: z.string().min(1, 'expected a list such as noise=0.2').optional(),
  data: z.string({ error: 'is missing; name the labelled data to evaluate on' }).min(1, 'expected a path, got nothing'),
});

export type EvaluateOptions = z.output<typeof evaluateOptions>;
