import { z } from 'zod';
import { DISTILLATION_LOSSES, STUDENT_SIZES, STUDENTS } from './choices.js';
import { matches } from './match-option.js';
import { gatesShape, makingShape, trainingShape } from './option-shapes.js';
import {
  byteCount,
  choice,
  countOrShare,
  exact,
  flag,
  listOf,
  nonNegativeNumber,
  openShare,
  path,
  positiveNumberOrAuto,
  shares,
} from './option-values.js';

/** Name of a student for all templates that suit the task: the best is found. */
export const AUTO = 'auto';

/** A template of students or `auto`, and perhaps a size. */
const studentName = () =>
  z.string().refine((given) => parseStudent(given) !== undefined, {
    error: ({ input }) => `expected ${[...STUDENTS, AUTO].join(', ')}, perhaps with :small or :base, got '${input}'`,
  });

/** The template and the size that a text such as `cnn:small` names; undefined where it names none. */
export function parseStudent(given: string): { template: string; size: StudentSize | undefined } | undefined {
  const [template = '', size, ...rest] = given.split(':');
  const isKnown = (words: readonly string[], word: string) => words.includes(word);
  if (rest.length || !isKnown([...STUDENTS, AUTO], template) || (size !== undefined && !isKnown(STUDENT_SIZES, size)))
    return undefined;
  return { template, size: size as StudentSize | undefined };
}

type StudentSize = (typeof STUDENT_SIZES)[number];

const fields = exact({
  /** Models that the student learns from. */
  teacher: listOf(path()).refine((teachers) => teachers.length > 0, 'expected a path, got nothing'),
  /** A new student, where none is given as a file: a template and perhaps its size, `cnn:small`. */
  student: studentName().optional(),
  /** The student is the first teacher, with this share of its layers or parameters. */
  shrink: openShare().optional(),
  /** Parameters and multiply-accumulates that a new student may have; up to 1, as a share of its teacher's. */
  parameters: countOrShare().optional(),
  macs: countOrShare().optional(),
  ...trainingShape,
  /** Further samples of the same kind, whose labels are not looked at. */
  unlabelled: path().optional(),
  loss: choice(DISTILLATION_LOSSES).default('auto'),
  temperature: positiveNumberOrAuto().default('auto'),
  /** Share of the teacher in the loss of a sample with a label; of two, the one it begins with and the one it ends with. */
  alpha: shares().default('auto'),
  /** Weight of the classes other than the target in decoupled distillation. */
  beta: nonNegativeNumber().default(8),
  /** Inner values that are compared with the teacher's, beside the scores. */
  match: matches().default([]),
  /** Runs the teacher along with training, on samples as they are changed. */
  teacherViews: flag().default(false),
  /** Folder where the teacher's outputs are kept; beside the output where absent. */
  teacherCache: path().optional(),
  /** Bytes that inner values of the teacher may take there; where they would take more, it runs along with training. */
  teacherCacheLimit: byteCount().default(2e9),
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
