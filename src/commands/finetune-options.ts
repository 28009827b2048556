import { z } from 'zod';
import { makingShape, trainingShape } from './option-shapes.js';
import { exact, flag, fraction, listOf, path, wholeNumber } from './option-values.js';

/** What `nncompress finetune` takes besides the model. */
export const finetuneOptions = exact({
  ...trainingShape,
  /** Name patterns of parameters, or of nodes that compute with them, that stay as they are. */
  freeze: listOf(z.string()).default([]),
  /** Layers with parameters, from the input on, that stay as they are. */
  freezeLayers: wholeNumber(0).default(0),
  /** Class names of a new last layer, or `auto` for those of the training data. */
  classes: path().optional(),
  /** Factor of the learning rate from each layer to the one before it. */
  layerDecay: fraction().default(1),
  /** Trains the last layer alone, and everything from random weights, for comparison. */
  compare: flag().default(false),
  /** False: features of frozen layers are computed anew for each batch. */
  cacheFeatures: flag().default(true),
  ...makingShape,
});

export type FinetuneOptions = z.output<typeof finetuneOptions>;
