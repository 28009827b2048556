import { z } from 'zod';
import { CALIBRATION_METHODS, METHODS, PREFERENCES, TARGETS } from './choices.js';
import { choice, exact, flag, listOf, makingShape, path, wholeNumber, wordList } from './schemas.js';

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
  ...makingShape,
})
  .refine(({ blockSize }) => (blockSize & (blockSize - 1)) === 0, {
    path: ['blockSize'],
    message: 'expected a power of two from 16',
  })
  .transform(({ perTensor, asymmetric, ...options }) => ({
    ...options,
    perChannel: perTensor ? false : options.perChannel,
    symmetric: asymmetric ? false : options.symmetric,
  }));

export type QuantizeOptions = z.output<typeof quantizeOptions>;
