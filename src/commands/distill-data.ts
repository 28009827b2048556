import { dirname } from 'node:path';
import { withUnlabelled } from '../data/join.js';
import { embedClassNames, embeddedClassNames, readClassNames } from '../data/labels.js';
import { openDataset } from '../data/open.js';
import type { TaskData } from '../data/task.js';
import type { Dataset } from '../data/types.js';
import { UserError } from '../errors.js';
import { classesOf } from '../evaluate/soft-targets.js';
import type { DistillOptions } from './distill-options.js';
import type { Teacher, TeacherScores } from './distill-teachers.js';
import { type TrainingData, withValidation } from './training-data.js';
import { datasetOptions, deriveWorkbench, type Workbench } from './workbench.js';

/** Opens the samples to learn from: those with labels, if there are any, and those without. */
export async function openSamples(options: DistillOptions): Promise<Dataset> {
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

/** What a student learns from with its teachers, and what it could learn alone. */
export interface DistillationData {
  taught: TrainingData;
  /** The labelled samples; undefined where there are none. */
  alone: TrainingData | undefined;
  labelled: number;
}

/**
 * Splits samples into those to learn from and those held out. A sample without label is taken for what the teacher takes
 * it for, where a class is asked for: to choose the best epoch, and as the target of decoupled distillation.
 * @throws UserError where too few samples are left
 */
export async function distillationData(
  bench: Pick<Workbench, 'open'>,
  student: TaskData,
  scores: TeacherScores,
  options: DistillOptions,
): Promise<DistillationData> {
  const { targets } = student.labels;
  const isLabelled = (index: number) => targets[index] !== undefined;
  const filled = targets.map((target, index) => target ?? classesOf(scores.logits([index]), student.kind));
  const data = { ...student, labels: { ...student.labels, targets: filled } };
  const split = await withValidation(bench, data, options);
  const usable = split.indices.filter((index) => !scores.lacks(index));
  const labelled = usable.filter(isLabelled);
  if (!usable.length)
    throw new UserError('holds no sample that the teacher can read', { file: options.train, mend: 'repair the data' });
  const { loss, temperature, beta, alpha } = options;
  const teacher = { loss, temperature, beta, alpha, isLabelled, logits: scores.logits, key: scores.key };
  return {
    taught: { ...split, indices: usable, teacher },
    alone: labelled.length ? { ...split, indices: labelled } : undefined,
    labelled: labelled.length,
  };
}
