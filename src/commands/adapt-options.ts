import { z } from 'zod';
import { UNCERTAINTIES } from './choices.js';
import { makingShape } from './option-shapes.js';
import {
  choice,
  exact,
  flag,
  fraction,
  listOf,
  path,
  positiveNumber,
  thresholdList,
  wholeNumber,
} from './option-values.js';

/** What `nncompress adapt` takes besides the model. */
export const adaptOptions = exact({
  /** Smaller models that run before the model, the cheapest first. */
  cascade: listOf(path()).default([]),
  /** True: exits are added to the model, and trained. */
  earlyExit: flag().default(false),
  /** Exits that are added at most, or the values that they are added behind. */
  exits: wholeNumber(1).optional(),
  exitAt: listOf(z.string()).default([]),
  /** Data to learn from; thresholds are chosen on it where there is no validation data. */
  train: path().optional(),
  /** Share of it that is not learnt from, so that thresholds can be chosen on it; absent: by its size. */
  holdOut: fraction().optional(),
  epochs: wholeNumber(1).optional(),
  batch: wholeNumber(1).optional(),
  lr: positiveNumber().optional(),
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
