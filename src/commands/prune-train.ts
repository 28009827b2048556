import { rmSync } from 'node:fs';
import type { CommandContext } from './context.js';
import { trainOnce } from './distill-train.js';
import { measuredBy, taughtByOriginal } from './original-teacher.js';
import { kindOf, type PruneOptions } from './prune-options.js';
import { type Train, trainedSteps } from './prune-steps.js';
import { openTrainingData, type TrainingData } from './training-data.js';
import { checkCheckpoints } from './training-run.js';
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
  const checkpointOf = (step: number) => (count === 1 ? `${output}.checkpoint` : `${output}.step-${step}.checkpoint`);
  const checkpoints = Array.from({ length: count }, (_, k) => checkpointOf(k + 1));
  checkCheckpoints(checkpoints, options);
  const given = { ...options, train, keepZeros: kindOf(options) === 'weights', launcher: 'local' as const };
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
          { label: count === 1 ? 'training' : `step ${step} of ${count}`, checkpoint: checkpointOf(step), measured },
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
