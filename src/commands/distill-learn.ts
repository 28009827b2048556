import type { CommandContext } from './context.js';
import { type DistillationData, labelledOf } from './distill-data.js';
import type { DistillOptions } from './distill-options.js';
import { isOpen, type Recipe, recipesOf } from './distill-recipes.js';
import { trainAlone, trainTaught } from './distill-train.js';
import { type Trial, tryRecipes } from './distill-trials.js';
import { bestAccuracy, checkpointOf, type TrainedModel } from './training-run.js';
import type { Workbench } from './workbench.js';

/** Accuracies on held-out samples. */
export interface HeldOut {
  taught: number;
  alone: number;
}

/** The student as it was trained, with a teacher and alone; one of the two is written. */
export interface Learning {
  /** How it learnt from the teacher. */
  recipe: Recipe | undefined;
  taught: TrainedModel | undefined;
  alone: TrainedModel | undefined;
  written: 'taught' | 'alone';
  /** Why that one. */
  reason: string;
  heldOut?: HeldOut;
  /** What was tried before, the best first; nothing where the recipe was given. */
  trials: Trial[];
}

/** Files that an interrupted run goes on from. */
export const checkpointsOf = (output: string) => ({
  trials: checkpointOf(output, 'trials'),
  taught: checkpointOf(output),
  alone: checkpointOf(output, 'alone'),
  students: checkpointOf(output, 'students'),
});

/**
 * Trains a student with its teacher, in the way that options name or that trials find, and without it. Where options name
 * no way, the student that is better on held-out samples is the one to write, whichever it is.
 */
export async function learn(
  bench: Workbench,
  data: DistillationData,
  checkpoints: ReturnType<typeof checkpointsOf>,
  options: DistillOptions,
  context: CommandContext,
): Promise<Learning> {
  const labelled = labelledOf(data).length;
  const mayBeAlone = isOpen(options) && labelled > 0;
  const recipes = recipesOf(options, data.data.kind, labelled > 0);
  // Where the student is trained alone anyway, that says more than a trial.
  const candidates = mayBeAlone && !options.alone ? [undefined, ...recipes] : recipes;
  const trials =
    candidates.length > 1 ? await tryRecipes(bench, data, candidates, checkpoints.trials, options, context) : [];
  const recipe = trials.length ? trials[0]!.recipe : recipes[0];
  const course = (label: string, checkpoint: string) => ({ label, checkpoint });
  const taught =
    recipe &&
    (await trainTaught(bench, data, recipe, course('with the teacher', checkpoints.taught), options, context));
  const alone =
    labelled && (options.alone || !taught)
      ? await trainAlone(bench, data, course('alone', checkpoints.alone), options, context)
      : undefined;
  const choice = choose(taught, alone, mayBeAlone);
  return { recipe, trials, taught, alone, ...choice };
}

/** Chooses what is written. */
function choose(
  taught: TrainedModel | undefined,
  alone: TrainedModel | undefined,
  mayBeAlone: boolean,
): Pick<Learning, 'written' | 'reason' | 'heldOut'> {
  if (!taught) return { written: 'alone', reason: 'it was better than any with the teacher in the trials' };
  if (!mayBeAlone) return { written: 'taught', reason: 'options say how it learns' };
  if (!alone) return { written: 'taught', reason: 'it was not trained without a teacher' };
  const heldOut = { taught: bestAccuracy(taught)!, alone: bestAccuracy(alone)! };
  const written = heldOut.taught > heldOut.alone ? 'taught' : 'alone';
  const reason =
    written === 'taught' ? 'it was better on held-out samples' : 'the teacher was no better on held-out samples';
  return { written, reason, heldOut };
}
