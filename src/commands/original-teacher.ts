import type { TaskData } from '../data/task.js';
import { lastingFolder, passingFolder } from '../files.js';
import type { CommandContext } from './context.js';
import { distillationData, openSamples, taughtBy } from './distill-data.js';
import type { DistillOptions } from './distill-options.js';
import { scoresOf, type TeacherScores } from './distill-teachers.js';
import type { BatchOptions } from './finetune-plan.js';
import { checkTraining } from './training-checks.js';
import { openValidation, type TrainingData, type TrainingDataOptions } from './training-data.js';
import type { Workbench, WorkbenchOptions } from './workbench.js';

/** Samples to learn from, with what the model says of them that is to be changed. */
export interface TaughtByOriginal {
  data: TrainingData;
  /** Lets go of what it said. */
  close(): void;
}

/** Options that say what is learnt from the original, and how. */
export type OriginalTeacherOptions = WorkbenchOptions &
  TrainingDataOptions &
  Pick<BatchOptions, 'augment' | 'batch'> &
  Pick<DistillOptions, 'unlabelled' | 'teacherCache'> & {
    temperature: number;
    /** Its share in the loss of a sample with a label. */
    alpha: number;
  };

/**
 * Opens the data to learn from, and has the original say what it makes of it.
 * @throws UserError where it cannot be trained, before it is run on all samples
 */
export async function taughtByOriginal(
  bench: Workbench,
  output: string,
  options: OriginalTeacherOptions,
  context: CommandContext,
): Promise<TaughtByOriginal> {
  const { temperature, alpha } = options;
  const samples = await bench.open(await openSamples(options));
  const validation = await openValidation(bench, options);
  await checkTraining(bench, samples, validation, options);
  const scores = await originalScores(bench, samples, output, options, context);
  try {
    const data = distillationData(samples, validation, scores, options);
    return {
      data: taughtBy(data, { loss: 'kd', temperature, alpha: [alpha, alpha], beta: 0 }),
      close: () => scores.close(),
    };
  } catch (error) {
    scores.close();
    throw error;
  }
}

/** What a model that is to be changed says of samples. It is kept for later runs only where a folder is named for that. */
export const originalScores = (
  bench: Workbench,
  samples: TaskData,
  output: string,
  { teacherCache }: Pick<DistillOptions, 'teacherCache'>,
  context: CommandContext,
): Promise<TeacherScores> =>
  scoresOf(
    [{ bench, open: bench.open }],
    samples,
    teacherCache === undefined ? passingFolder(output) : lastingFolder(teacherCache),
    context,
  );

/**
 * Which epochs are measured. The original knows its training data by heart, and a model that was only made smaller nearly is
 * the original: samples that are held out of that data would favour it against any epoch of training.
 */
export const measuredBy = ({ validation }: Pick<TrainingDataOptions, 'validation'>): 'last' | 'each' =>
  validation === undefined ? 'last' : 'each';
