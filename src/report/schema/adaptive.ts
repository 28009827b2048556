import { z } from 'zod';
import { count, fraction, positive } from './numbers.js';

export const adaptive = z.object({
  /** Multiply-accumulates of the original divided by the mean of the adaptive model's. */
  macsRatio: positive,
  exits: z.array(
    z.object({
      name: z.string(),
      /** The value of the model that the exit was added behind. */
      after: z.string().optional(),
      /** A sample that is less unsure than this leaves here; 1 at the last exit, where all leave that are left. */
      threshold: z.number(),
      /** Of the samples. */
      share: fraction,
      /** On the samples that leave here. */
      accuracy: fraction,
      /** Accuracy if all samples left here. */
      alone: fraction.optional(),
      /** Multiply-accumulates up to here, as a share of the original's. */
      macs: positive.optional(),
      /** What logits are divided by before uncertainty is measured. */
      temperature: positive.optional(),
      /** Share of the samples of each class that leave here. */
      classes: z.array(z.object({ class: z.string(), share: fraction })).optional(),
    }),
  ),
  /** Thresholds from cheap to dear: mean multiply-accumulates as a share of the original's, and the accuracy. */
  curve: z.array(z.record(z.string(), z.number())),
  /** How uncertainty is measured. */
  measure: z.string().optional(),
  /** Exits that were left out since they were not worth what they cost, with their accuracy where that was found. */
  dropped: z.array(z.object({ after: z.string(), accuracy: fraction, macs: positive })).optional(),
  /** Accuracy of the original, where it was trained together with its exits: the last exit is then no longer the original. */
  original: fraction.optional(),
  /** The data that thresholds were chosen on, and what they gave there; `high` is the drop with a standard error more. */
  chosenOn: z
    .object({ path: z.string(), samples: count, drop: z.number(), high: z.number().optional(), macs: positive })
    .optional(),
});
