import { z } from 'zod';
import { count, fraction, positive } from './numbers.js';
import { comparison } from './quality.js';

export const training = z.object({
  samples: count,
  epochs: count,
  seconds: positive,
  samplesPerSecond: positive,
  workers: count,
  bestEpoch: count,
  /** One entry per epoch. */
  history: z.array(z.record(z.string(), z.number())),
});

/** A way of learning that was tried on a part of the training data. */
const distillationTrial = z.object({
  /** `alone` without a teacher. */
  recipe: z.string(),
  /** Rounds that it took part in. */
  rounds: count,
  /** Samples of the last of them, all epochs together. */
  samples: count,
  /** On samples that were not learnt from; absent where training diverged, or it was not tried. */
  accuracy: fraction.optional(),
  /** True for the one that the student was then trained with. */
  chosen: z.boolean(),
});

/** A student that was tried on a part of the training data. */
export const studentCandidate = z.object({
  template: z.string(),
  /** True for the one that was then trained on all of it. */
  chosen: z.boolean(),
  /** Why it was left out. */
  reason: z.string().optional(),
  /** Channels of its parts. */
  widths: z.array(count).optional(),
  parameters: count.optional(),
  /** Multiply-accumulates for one sample. */
  macs: positive.optional(),
  /** Of its file. */
  bytes: count.optional(),
  /** Milliseconds for one sample at the median. */
  latencyMs: positive.optional(),
  /** Samples that it learnt from, all epochs together. */
  samples: count.optional(),
  /** On samples that were not learnt from; absent where training diverged. */
  accuracy: fraction.optional(),
  /** One entry per epoch. */
  history: z.array(z.record(z.string(), z.number())).optional(),
});

export const distillation = z.object({
  /** kd: Hinton et al. 2015; dkd: decoupled, Zhao et al. 2022; none where the student was trained alone only. */
  loss: z.string(),
  temperature: positive,
  /** Share of the teacher in the loss of a sample with a label, when training begins. */
  alpha: fraction,
  /** The share when training ends, where that is another. */
  alphaEnd: fraction.optional(),
  /** Weight of the classes other than the target, for dkd. */
  beta: positive.optional(),
  /** Inner values that were compared with those of the first teacher, and the factor of each loss. */
  hints: z.array(z.object({ kind: z.string(), student: z.string(), teacher: z.string(), weight: positive })).optional(),
  teachers: count,
  /** Samples that were learnt from, and how many of them have a label. */
  samples: count,
  labelled: count,
  /** What the student was built from, where it is new. */
  student: z
    .object({
      template: z.string(),
      /** Channels of its parts. */
      widths: z.array(count),
      parameters: count,
      /** Multiply-accumulates for one sample. */
      macs: positive,
    })
    .optional(),
  /** The students that were tried, where the one to train was to be found. */
  candidates: z.array(studentCandidate).optional(),
  /** What was written, and why. */
  chosen: z
    .object({
      student: z.enum(['taught', 'alone']),
      reason: z.string(),
      /** Accuracy on held-out samples, where that decided. */
      heldOut: z.object({ taught: fraction, alone: fraction }).optional(),
    })
    .optional(),
  /** What was tried, the best first. */
  trials: z.array(distillationTrial).optional(),
  /** Share of test samples for which the first teacher and the student that is written predict the same. */
  agreement: fraction.optional(),
  /** From the first teacher to the student that is written. */
  againstTeacher: comparison,
  /** From the student that was trained alone to the one that was taught, whichever is written. */
  againstAlone: comparison.optional(),
  /** How the student was trained alone. */
  alone: training.optional(),
  /** How the student was taught, where the one trained alone is written. */
  taught: training.optional(),
});

export const qat = z.object({
  /** Of the scores that the float model teaches, and its share in the loss of a sample with a label. */
  temperature: positive,
  alpha: fraction,
  /** Samples that were learnt from, and how many of them have a label. */
  samples: count,
  labelled: count,
  /** Activations whose ranges were learnt. */
  ranges: count,
  /** From post-training quantization with the same plan to the result. */
  againstPostTraining: comparison,
});

export type StudentCandidate = z.output<typeof studentCandidate>;
