import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { reorderScores } from '../data/class-order.js';
import type { TaskData } from '../data/task.js';
import { classesOf, meanSoftened } from '../evaluate/soft-targets.js';
import { TeacherOutputs } from '../evaluate/teacher-outputs.js';
import type { WorkFolder } from '../files.js';
import { modelFiles } from '../onnx/write.js';
import { type Companion, matchClasses, openCompanion } from './companion.js';
import type { CommandContext } from './context.js';
import type { DistillOptions } from './distill-options.js';
import { saysPreprocessing } from './model-pair.js';
import { resolveModelPath } from './model-path.js';

/** A model that a student learns from. */
export type Teacher = Companion;

/**
 * Opens the teachers.
 * @param studentPath undefined for a student that is to be built: it takes what the first teacher does, so that options
 * speak for that, too, where no files beside it say how samples are prepared.
 * @throws UserError where one cannot be run
 */
export async function openTeachers(
  studentPath: string | undefined,
  options: DistillOptions,
  context: CommandContext,
): Promise<Teacher[]> {
  const teachers: Teacher[] = [];
  const [first] = options.teacher.map(resolveModelPath);
  for (const path of options.teacher.map(resolveModelPath)) {
    const isAlike = studentPath === undefined && path === first && !(await saysPreprocessing(dirname(path)));
    teachers.push(await openCompanion(path, studentPath ?? first!, options, context, isAlike));
  }
  return teachers;
}

/** The place of each class of a student among those of a teacher. @throws UserError as `matchClasses` does */
export const orderOf = (student: TaskData, teacher: TaskData, companion: Teacher): number[] | undefined =>
  matchClasses(student, teacher, companion, 'the student');

/** Scores of a teacher in the order of the student's classes. */
export const inOrder = (
  scores: Float32Array,
  { labels }: TaskData,
  order: readonly number[] | undefined,
): Float32Array => (order ? reorderScores(scores, labels.classes.length, order) : scores);

/** What several teachers say of the samples of one data set. */
export interface TeacherScores {
  /**
   * Logits in the order of the student's classes, rows × classes; of several teachers, those of their mean, which depends
   * on the temperature.
   */
  logits(indices: readonly number[], temperature: number): Float32Array;
  /** The same of what each teacher says. */
  mean(said: readonly Float32Array[], temperature: number): Float32Array;
  /** What the teachers take a sample for. */
  classes(index: number): number | number[];
  /** True where one of the teachers could not read the sample. */
  lacks(index: number): boolean;
  /** Tells the scores from those of other teachers and data. */
  key: string;
  /** The same of the first teacher alone. */
  first: string;
  close(): void;
}

/** The folder in which `distill` keeps what teachers say, for the next run. */
export const cacheFolder = (output: string, { teacherCache }: Pick<DistillOptions, 'teacherCache'>): string =>
  teacherCache ?? join(dirname(output), 'teacher-outputs');

/**
 * Runs the teachers over a data set, once: outputs are kept on disk, and taken from there the next time, if the folder is
 * there still. It is closed with the scores.
 */
export async function scoresOf(
  teachers: readonly Teacher[],
  student: TaskData,
  folder: WorkFolder,
  context: CommandContext,
): Promise<TeacherScores> {
  const all: { outputs: TeacherOutputs; data: TaskData; order: number[] | undefined }[] = [];
  const close = () => {
    for (const { outputs } of all) outputs.close();
    folder.close();
  };
  try {
    for (const teacher of teachers) {
      const data = await teacher.open(student.dataset);
      const order = orderOf(student, data, teacher);
      all.push({ outputs: await outputsOf(teacher, data, folder, context), data, order });
    }
  } catch (error) {
    close();
    throw error;
  }
  const { kind, labels } = student;
  const width = kind === 'binary' ? 1 : labels.classes.length;
  const mean: TeacherScores['mean'] = (said, temperature) => meanSoftened(said, width, kind, temperature);
  const logits: TeacherScores['logits'] = (indices, temperature) =>
    mean(
      all.map(({ outputs, data, order }) => inOrder(outputs.read(indices), data, order)),
      temperature,
    );
  return {
    mean,
    logits,
    classes: (index) => classesOf(logits([index], 1), kind),
    lacks: (index) => all.some(({ outputs }) => outputs.lacks(index)),
    first: basename(all[0]!.outputs.path),
    key: createHash('sha256')
      .update(JSON.stringify(all.map(({ outputs, order }) => [basename(outputs.path), order])))
      .digest('hex'),
    close,
  };
}

async function outputsOf(
  { bench }: Teacher,
  data: TaskData,
  { path: folder, keeps }: WorkFolder,
  { progress, note }: CommandContext,
): Promise<TeacherOutputs> {
  const { path, model, workers, session } = bench;
  const task = progress.start(`running the teacher ${path}`, data.dataset.size);
  const onProgress = (samples: number) => task.advance(samples);
  const outputs = await TeacherOutputs.open({
    files: modelFiles(model, path),
    data,
    folder,
    workers,
    session,
    onProgress,
  });
  task.done();
  note(
    outputs.reused
      ? `outputs of the teacher ${path} are those of an earlier run (${outputs.path})`
      : `the teacher ${path} was run once${keeps ? `; what it gave is kept in ${outputs.path}` : ''}`,
  );
  return outputs;
}
