import { z } from 'zod';
import {
  dataShape,
  displayShape,
  exact,
  flag,
  gatesShape,
  outputShape,
  preprocessingShape,
  runningShape,
  wholeNumber,
} from './schemas.js';

const { report, json, force } = outputShape;

/** What `nncompress evaluate` takes besides the model. */
export const evaluateOptions = exact({
  /** Samples in one run of the model. */
  batch: wholeNumber(1).optional(),
  /** False: latency is not measured. */
  benchmark: flag().default(true),
  ...dataShape,
  data: z.string({ error: 'is missing; name the labelled data to evaluate on' }).min(1, 'expected a path, got nothing'),
  ...preprocessingShape,
  ...runningShape,
  ...gatesShape,
  report,
  json,
  force,
  ...displayShape,
});

export type EvaluateOptions = z.output<typeof evaluateOptions>;
