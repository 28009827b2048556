import { z } from 'zod';
import { CALIBRATION_METHODS, METHODS, PREFERENCES, TARGETS } from './choices.js';
import { makingShape, trainingShape } from './option-shapes.js';
import {
  choice,
  exact,
  flag,
  fraction,
  listOf,
  nonNegativeNumber,
  path,
  positiveNumber,
  wholeNumber,
  wordList,
} from './option-values.js';

// Batch normalizations that are left keep their statistics, and one process trains copies of the model.
const { batchNorm, launcher, pipeline, microBatches, ...trainingOptions } = trainingShape;

/** What `nncompress quantize` takes besides the model. */
export const quantizeOptions = exact({
  method: choice(METHODS).default('auto'),
  prefer: choice(PREFERENCES).default('speed'),
  /** Absent: follows the device. */
  target: choice(TARGETS).optional(),
  calibration: path().optional(),
  calibrationSamples: wholeNumber(1).default(256),
  /** Absent: chosen by the method. */
  calibrationMethod: choice(CALIBRATION_METHODS).optional(),
  /** Node-name patterns with `*` and `?`. */
  include: listOf(z.string()).default([]),
  exclude: listOf(z.string()).default([]),
  /** Operator types; every one where absent. */
  ops: wordList().optional(),
  /** Weight scales per output channel (true) or per tensor (false); absent: chosen. */
  perChannel: flag().optional(),
  perTensor: flag().optional(),
  /** Activations with zero point 0 (true) or any (false); absent: chosen. */
  symmetric: flag().optional(),
  asymmetric: flag().optional(),
  /** Seven-bit weights, for processors without VNNI; absent: follows the target. */
  reduceRange: flag().optional(),
  /** Weights that share a scale in int4. */
  blockSize: wholeNumber(16).default(32),
  /** Trains what quantization changes, with the float model as teacher. */
  qat: flag().default(false),
  ...trainingOptions,
  train: path().optional(),
  epochs: wholeNumber(0).default(1),
  lr: positiveNumber().default(1e-4),
  weightDecay: nonNegativeNumber().default(0),
  temperature: positiveNumber().default(4),
  /** Share of the float model in the loss of a sample with a label. */
  alpha: fraction().default(0.5),
  /** Folder where the float model's outputs are kept; beside the output where absent. */
  teacherCache: path().optional(),
  ...makingShape,
})
  .refine(({ blockSize }) => (blockSize & (blockSize - 1)) === 0, {
    path: ['blockSize'],
    message: 'expected a power of two from 16',
  })
  .refine(({ qat, train }) => qat || train === undefined, {
    path: ['train'],
    message: 'nothing is trained without --qat',
  })
  .refine(({ qat, train }) => !qat || train !== undefined, {
    path: ['qat'],
    message: 'needs data to train on: name some with --train',
  })
  .refine(({ qat, method }) => !qat || (method !== 'fp16' && method !== 'int4-weights'), {
    path: ['qat'],
    message: 'simulates 8-bit integers: take --method auto, static, dynamic or int8-weights',
  })
  .transform(({ perTensor, asymmetric, ...options }) => ({
    ...options,
    perChannel: perTensor ? false : options.perChannel,
    symmetric: asymmetric ? false : options.symmetric,
  }));

export type QuantizeOptions = z.output<typeof quantizeOptions>;
