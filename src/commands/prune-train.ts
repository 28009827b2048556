import { rmSync } from 'node:fs';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { decodeModel } from '../onnx/read.js';
import { encodeModel, fitsOneFile } from '../onnx/write.js';
import { Errands } from '../training/errands.js';
import type { CommandContext } from './context.js';
import { trainOnce } from './distill-train.js';
import { leaveGroup } from './group.js';
import { measuredBy, taughtByOriginal } from './original-teacher.js';
import { kindOf, type PruneOptions } from './prune-options.js';
import { type Train, trainedSteps } from './prune-steps.js';
import { openTrainingData, type TrainingData } from './training-data.js';
import { checkCheckpoints, checkpointOf } from './training-run.js';
import { deriveWorkbench, type Workbench } from './workbench.js';

/** What pruned models learn from. */
export interface Trainer {
  data: TrainingData;
  train: Train;
  /** Lets go of what the original said. */
  close(): void;
  /** Removes what interrupted runs go on from. */
  forget(): void;
}

/**
 * Opens the data to learn from, if there is any, and has the original say what it makes of it.
 * @throws UserError where a sample has no label and there is no teacher, or an interrupted run would be lost
 */
export async function openTrainer(
  bench: Workbench,
  output: string,
  options: PruneOptions,
  context: CommandContext,
): Promise<Trainer | undefined> {
  const { train, distill } = options;
  if (train === undefined) return undefined;
  const count = trainedSteps(options);
  const stepCheckpoint = (step: number) => checkpointOf(output, count === 1 ? undefined : `step-${step}`);
  const checkpoints = Array.from({ length: count }, (_, k) => stepCheckpoint(k + 1));
  checkCheckpoints(checkpoints, options);
  const given = { ...options, train, keepZeros: kindOf(options) === 'weights' };
  const taught = distill ? await taughtByOriginal(bench, output, given, context) : undefined;
  try {
    const data = taught?.data ?? (await openTrainingData(bench, given));
    const measured = measuredBy(options);
    if (data.note) context.note('the weights of the last epoch are taken; with --validation, those of the best');
    return {
      data,
      train: async (model, step) =>
        trainOnce(
          await deriveWorkbench(bench, model, options),
          data,
          { label: count === 1 ? 'training' : `step ${step} of ${count}`, checkpoint: stepCheckpoint(step), measured },
          given,
          context,
        ),
      close: () => taught?.close(),
      forget: () => {
        for (const checkpoint of checkpoints) rmSync(checkpoint, { force: true });
      },
    };
  } catch (error) {
    taught?.close();
    throw error;
  }
}

/** Trainings that the process that prunes hands out to the others: models, as files hold them. */
export type SharedTrainings = Errands<{ model: Uint8Array; step: number }>;

/** Meets the other processes; undefined where there are none. */
export const meetOthers = async ({ world }: CommandContext): Promise<SharedTrainings | undefined> =>
  world.size > 1 ? Errands.open(world) : undefined;

/** Has all processes train what this one pruned. */
export const trainTogether =
  (train: Train, shared: SharedTrainings): Train =>
  (model, step) =>
    shared.handOut({ model: bytesOf(model), step }, () => train(model, step));

function bytesOf(model: Model): Uint8Array {
  if (fitsOneFile(model)) return encodeModel(model);
  throw new UserError('is too large to be handed to other processes', {
    file: '--launcher mpi',
    mend: 'prune in one process, then train with finetune or distill',
  });
}

/** Takes part in the trainings of the process that prunes. @throws PartDone when there are no more */
export async function trainAlong(
  bench: Workbench,
  output: string,
  options: PruneOptions,
  context: CommandContext,
): Promise<never> {
  const shared = await meetOthers(context);
  const trainer = await openTrainer(bench, output, options, context);
  try {
    await shared!.doAll(({ model, step }) => trainer!.train(decodeModel(model, bench.path), step));
  } finally {
    trainer!.close();
  }
  return leaveGroup(context) as Promise<never>;
}
