import { existsSync } from 'node:fs';
import type { CommandContext } from './context.js';
import type { DistillationData } from './distill-data.js';
import type { DistillOptions } from './distill-options.js';
import { BATCH_SIZES, planFinetuning } from './finetune-plan.js';
import type { TrainingData } from './training-data.js';
import { runTraining, type TrainedModel } from './training-run.js';
import type { Workbench } from './workbench.js';

/** Trains the student once. */
export async function trainOnce(
  bench: Workbench,
  training: TrainingData,
  label: string,
  checkpoint: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<TrainedModel> {
  const all = { ...options, freeze: [], freezeLayers: 0, layerDecay: 1, cacheFeatures: false };
  const plan = await planFinetuning(bench, training, all, context);
  const resume = options.resume && existsSync(checkpoint);
  return runTraining(
    { bench, training, label, checkpoint, keepCheckpoint: true, ...plan },
    { ...options, resume },
    context,
  ).finally(plan.close);
}

/** Trains the student on the labels alone, with as many samples in all; undefined where they do not fill a batch. */
export async function trainAlone(
  bench: Workbench,
  { taught, alone }: DistillationData,
  checkpoint: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<TrainedModel | undefined> {
  if (!options.alone || !alone) return undefined;
  const epochs = Math.round((options.epochs * taught.indices.length) / alone.indices.length);
  const { fixedBatch, dataset } = alone.data;
  if (fixedBatch !== undefined && alone.indices.length < fixedBatch) return undefined;
  const batch = fixedBatch ?? Math.min(options.batch ?? BATCH_SIZES[dataset.kind], alone.indices.length);
  return trainOnce(bench, alone, 'alone', checkpoint, { ...options, epochs, batch }, context);
}
