import { dirname } from 'node:path';
import { withUnlabelled } from '../data/join.js';
import { embedClassNames, embeddedClassNames, readClassNames } from '../data/labels.js';
import { openDataset } from '../data/open.js';
import type { TaskData } from '../data/task.js';
import type { Dataset } from '../data/types.js';
import { UserError } from '../errors.js';
import type { Evaluation } from '../evaluate/evaluate-models.js';
import { accuracyOf } from './distill-judging.js';
import type { DistillOptions } from './distill-options.js';
import type { Recipe } from './distill-recipes.js';
import type { Teacher, TeacherScores } from './distill-teachers.js';
import type { TeacherViews } from './distill-views.js';
import {
  type TeacherHints,
  type TrainingData,
  type TrainingDataOptions,
  type Validation,
  type ViewedLogits,
  withValidation,
} from './training-data.js';
import { datasetOptions, deriveWorkbench, type Workbench, type WorkbenchOptions } from './workbench.js';

/** Opens the samples to learn from: those with labels, if there are any, and those without. */
export async function openSamples(
  options: WorkbenchOptions & Pick<DistillOptions, 'train' | 'unlabelled'>,
): Promise<Dataset> {
  const given = datasetOptions(options);
  const samples = await openDataset(options.train, given);
  if (options.unlabelled === undefined) return samples;
  return withUnlabelled(samples, await openDataset(options.unlabelled, { ...given, labelColumn: undefined }));
}

/**
 * A student whose classes have no names takes those of the teacher, and carries them in its metadata.
 * @param beside the model whose folder speaks for the student.
 */
export async function withClassNames(
  student: Workbench,
  beside: string,
  [teacher]: readonly Teacher[],
  options: DistillOptions,
): Promise<Workbench> {
  const known =
    options.labels ?? embeddedClassNames(student.model.metadata) ?? named(await readClassNames(dirname(beside)));
  if (known) return student;
  const { path, model } = teacher!.bench;
  const names = embeddedClassNames(model.metadata) ?? named(await readClassNames(dirname(path)));
  const outputs = student.info.outputs.some(({ dims }) => dims.at(-1) === names?.length);
  if (!names || !outputs) return student;
  const changed = student.model.clone();
  embedClassNames(changed.metadata, names);
  return deriveWorkbench(student, changed, options);
}

/** Names that were made up by an exporter are none. */
const named = (names: string[] | undefined) => (names?.every((name) => /^LABEL_\d+$/.test(name)) ? undefined : names);

/** Samples that a student learns from, with its teachers or without them. */
export interface DistillationData extends Omit<TrainingData, 'teacher'> {
  isLabelled(index: number): boolean;
  scores: TeacherScores;
  /** Teachers that see samples as they are changed. */
  views?: TeacherViews | undefined;
  /** Inner values that are compared, too. */
  hints?: TeacherHints | undefined;
  /** Accuracy on samples of the training data, with labels or without. */
  accuracyOf(evaluation: Evaluation): number;
}

/**
 * Splits samples into those to learn from and those held out. A sample without label is taken for what the teacher takes
 * it for, where a class is asked for: to choose the best epoch, and as the target of decoupled distillation.
 * @param own samples to choose by that are not held out.
 * @throws UserError where too few samples are left
 */
export function distillationData(
  student: TaskData,
  own: Validation | undefined,
  scores: TeacherScores,
  options: TrainingDataOptions,
): DistillationData {
  const { targets } = student.labels;
  const isLabelled = (index: number) => targets[index] !== undefined;
  const data = withFilledLabels(student, scores);
  const split = withValidation(data, own, options);
  const accuracy = (evaluation: Evaluation) => accuracyOf(evaluation, { targets, scores });
  const validation = own ?? { ...split.validation, accuracyOf: accuracy };
  const indices = split.indices.filter((index) => !scores.lacks(index));
  if (!indices.length)
    throw new UserError('holds no sample that the teacher can read', { file: options.train, mend: 'repair the data' });
  return { ...split, validation, indices, isLabelled, scores, accuracyOf: accuracy };
}

/** Data whose samples without label have that of what their teachers take them for. */
export function withFilledLabels(data: TaskData, { classes }: Pick<TeacherScores, 'classes'>): TaskData {
  const targets = data.labels.targets.map((target, index) => target ?? classes(index));
  return { ...data, labels: { ...data.labels, targets } };
}

/** Samples to learn from that have a label. */
export const labelledOf = ({ indices, isLabelled }: DistillationData): number[] => indices.filter(isLabelled);

/** All samples, with what the teacher says of them. */
export function taughtBy(samples: DistillationData, recipe: Recipe): TrainingData {
  const { data, indices, validation, note, isLabelled, scores, hints, views } = samples;
  const { temperature } = recipe;
  const teacher = {
    ...recipe,
    isLabelled,
    logits: (chosen: readonly number[]) => scores.logits(chosen, temperature),
    views: views && viewedLogits(views, scores, temperature),
    key: scores.key,
    hints,
  };
  return { data, indices, validation, note, teacher };
}

const viewedLogits = (views: TeacherViews, scores: TeacherScores, temperature: number): ViewedLogits => ({
  async *along(batches, changes) {
    for await (const batch of views.along(batches, changes))
      yield { ...batch, logits: batch.indices.length ? scores.mean(batch.said, temperature) : undefined };
  },
});

/** Samples with a label, without what the teacher says of them. */
export function untaught(samples: DistillationData): TrainingData {
  const { data, validation, note } = samples;
  return { data, indices: labelledOf(samples), validation, note };
}
