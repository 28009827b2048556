import { z } from 'zod';
import { DISTILLATION_LOSSES } from './choices.js';
import {
  choice,
  exact,
  flag,
  fraction,
  gatesShape,
  listOf,
  makingShape,
  nonNegativeNumber,
  path,
  positiveNumber,
  trainingShape,
} from './schemas.js';

const fields = exact({
  /** Models that the student learns from. */
  teacher: listOf(path()).refine((teachers) => teachers.length > 0, 'expected a path, got nothing'),
  ...trainingShape,
  /** Further samples of the same kind, whose labels are not looked at. */
  unlabelled: path().optional(),
  loss: choice(DISTILLATION_LOSSES).default('kd'),
  temperature: positiveNumber().default(4),
  /** Share of the teacher in the loss of a sample with a label. */
  alpha: fraction().default(0.5),
  /** Weight of the classes other than the target in decoupled distillation. */
  beta: nonNegativeNumber().default(8),
  /** Folder where the teacher's outputs are kept; beside the output where absent. */
  teacherCache: path().optional(),
  /** False: the student is not trained without a teacher for comparison. */
  alone: flag().default(true),
  ...makingShape,
  /** A report, as everywhere; false is another word for `alone: false`. */
  baseline: z.union([gatesShape.baseline, z.literal(false)]),
});

/** What `nncompress distill` takes besides the student. */
export const distillOptions = fields.transform(({ alone, baseline, ...others }) => ({
  ...others,
  alone: alone && baseline !== false,
  baseline: baseline || undefined,
}));

export type DistillOptions = z.output<typeof distillOptions>;
