import type { z } from 'zod';
import {
  comparisonGatesShape,
  dataShape,
  displayShape,
  exact,
  flag,
  gatesShape,
  outputShape,
  path,
  preprocessingShape,
  runningShape,
  wholeNumber,
} from './schemas.js';

const { report, json, force } = outputShape;

/** What `nncompress compare` takes besides the two models. */
export const compareOptions = exact({
  /** Samples in one run of the models. */
  batch: wholeNumber(1).optional(),
  /** True: inner values are compared too. */
  layers: flag().default(false),
  /** False: latency is not measured. */
  benchmark: flag().default(true),
  ...dataShape,
  data: path(),
  ...preprocessingShape,
  ...runningShape,
  ...gatesShape,
  ...comparisonGatesShape,
  report,
  json,
  force,
  ...displayShape,
});

export type CompareOptions = z.output<typeof compareOptions>;
