import { z } from 'zod';
import { DOMAIN_FITS, UNCERTAINTIES } from './choices.js';
import { makingShape } from './option-shapes.js';
import {
  choice,
  exact,
  flag,
  fraction,
  listOf,
  name,
  nonNegativeNumber,
  path,
  positiveNumber,
  thresholdList,
  wholeNumber,
  widthList,
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
  /** True: the model itself is trained, together with its exits. */
  joint: flag().default(false),
  /** Shares of the channels of each layer, the widths that one model is trained at. */
  slim: widthList().default([]),
  /** Writes a file for each narrower width, too. */
  separate: flag().default(false),
  /** Goes on from the checkpoint of an interrupted run. */
  resume: flag().default(false),
  /** Data to learn from; thresholds are chosen on it where there is no validation data. */
  train: path().optional(),
  /** Share of it that is not learnt from, so that thresholds can be chosen on it; absent: by its size. */
  holdOut: fraction().optional(),
  epochs: wholeNumber(1).optional(),
  batch: wholeNumber(1).optional(),
  lr: positiveNumber().optional(),
  augment: name().default('none'),
  /** Data that thresholds are chosen on. */
  validation: path().optional(),
  /** Mean multiply-accumulates of a sample, as a share of the original's, to choose thresholds by. */
  macs: fraction().optional(),
  measure: choice(UNCERTAINTIES).default('auto'),
  /** Thresholds that are not chosen but given, one for each exit but the last. */
  thresholds: thresholdList().optional(),
  /** Samples of a new domain, without labels, that the model is made to fit. */
  domain: path().optional(),
  /** Samples of the old domain, without labels. */
  source: path().optional(),
  /** Labelled data of the old domain. */
  sourceTest: path().optional(),
  /** What the model is fitted by. */
  fit: choice(DOMAIN_FITS).default('auto'),
  /** Samples that the statistics of the old domain count for beside those of the new one. */
  prior: nonNegativeNumber().default(16),
  ...makingShape,
});

export type AdaptOptions = z.output<typeof adaptOptions>;
