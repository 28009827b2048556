import type { z } from 'zod';
import { UNCERTAINTIES } from './choices.js';
import { makingShape } from './option-shapes.js';
import { choice, exact, fraction, listOf, path, thresholdList } from './option-values.js';

/** What `nncompress adapt` takes besides the model. */
export const adaptOptions = exact({
  /** Smaller models that run before the model, the cheapest first. */
  cascade: listOf(path()).default([]),
  /** Data to learn from; here thresholds are chosen on it where there is no validation data. */
  train: path().optional(),
  /** Data that thresholds are chosen on. */
  validation: path().optional(),
  /** Mean multiply-accumulates of a sample, as a share of the original's, to choose thresholds by. */
  macs: fraction().optional(),
  measure: choice(UNCERTAINTIES).default('auto'),
  /** Thresholds that are not chosen but given, one for each exit but the last. */
  thresholds: thresholdList().optional(),
  ...makingShape,
});

export type AdaptOptions = z.output<typeof adaptOptions>;
