import { existsSync } from 'node:fs';
import type { CommandContext } from './context.js';
import { type DistillationData, taughtBy, untaught } from './distill-data.js';
import type { DistillOptions } from './distill-options.js';
import type { Recipe } from './distill-recipes.js';
import { batchSizeOf, type PlanOptions, planFinetuning } from './finetune-plan.js';
import type { TrainingData } from './training-data.js';
import { runTraining, type TrainedModel, type TrainingRun } from './training-run.js';
import type { Workbench } from './workbench.js';

/** Nothing is frozen, and all layers learn alike. */
const ALL = { freeze: [] as string[], freezeLayers: 0, layerDecay: 1, cacheFeatures: false };

/** How a training is called, where its checkpoints go and what they tell, when it is measured and by what. */
export type Course = Pick<TrainingRun, 'label' | 'measured' | 'judge' | 'checkpoint' | 'decisions'>;

/** Trains the student with a teacher. */
export function trainTaught(
  bench: Workbench,
  data: DistillationData,
  recipe: Recipe,
  course: Course,
  options: DistillOptions,
  context: CommandContext,
): Promise<TrainedModel> {
  return trainOnce(bench, taughtBy(data, recipe), course, options, context);
}

/** Trains the student on the labels alone, with as many samples in all; undefined where they do not fill a batch. */
export async function trainAlone(
  bench: Workbench,
  samples: DistillationData,
  course: Course,
  options: DistillOptions,
  context: CommandContext,
): Promise<TrainedModel | undefined> {
  const training = untaught(samples);
  const { indices } = training;
  if (indices.length < (samples.data.fixedBatch ?? 1)) return undefined;
  const epochs = Math.round((options.epochs * samples.indices.length) / indices.length);
  const batch = Math.min(batchSizeOf(samples.data, options), indices.length);
  return trainOnce(bench, training, course, { ...options, epochs, batch }, context);
}

/** Trains all of a model once. */
export async function trainOnce(
  bench: Workbench,
  training: TrainingData,
  course: Course,
  options: Omit<PlanOptions, keyof typeof ALL>,
  context: CommandContext,
): Promise<TrainedModel> {
  const plan = await planFinetuning(bench, training, { ...options, ...ALL }, context);
  const resume = options.resume && course.checkpoint !== undefined && existsSync(course.checkpoint);
  return runTraining(
    { bench, training, keepCheckpoint: true, ...course, ...plan },
    { ...options, resume },
    context,
  ).finally(plan.close);
}
