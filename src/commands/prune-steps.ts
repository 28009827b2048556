import { type ModelCost, measureCost } from '../analysis/cost.js';
import { sumOf } from '../group.js';
import type { Model } from '../ir/model.js';
import type { CommandContext } from './context.js';
import type { Pruned, PruningMethod } from './prune-method.js';
import type { PruneOptions, PruningKind } from './prune-options.js';
import type { TrialScore, Trials } from './prune-trials.js';
import type { TrainedModel } from './training-run.js';
import { writtenBytes } from './verify.js';

/** Trains a pruned model so that it does again what the original does. */
export type Train = (model: Model, step: number) => Promise<TrainedModel>;

/** A model on the way. */
export interface PruningStep {
  pruned: Pruned;
  trained: TrainedModel | undefined;
  /** The model as trained, or as pruned. */
  model: Model;
  /** Its cost and, where it was measured, its accuracy before and after training. */
  record: Record<string, number>;
  /** Undefined where the test data was not asked. */
  score: TrialScore | undefined;
}

/** What pruning is done with. */
export interface PruningRun {
  original: Model;
  kind: PruningKind;
  method: PruningMethod;
  train: Train | undefined;
  /** Absent where nothing has to be known of models on the way. */
  trials: Trials | undefined;
  options: Pick<PruneOptions, 'steps' | 'maxDrop'>;
  context: CommandContext;
}

/** Times that is pruned and trained by turns where a gate decides how far that goes. */
const STEPS_TO_GATE = 4;

/** How often is pruned and trained by turns at most. */
export const trainedSteps = ({ steps, maxDrop }: PruningRun['options']): number =>
  steps ?? (maxDrop === undefined ? 1 : STEPS_TO_GATE);

/**
 * Prunes as far as is asked for or, where the accuracy may drop by so much only, as far as that allows.
 * @returns the models on the way, with what was asked for or allowed last
 */
export async function pruneInSteps(run: PruningRun): Promise<{ steps: PruningStep[]; chosen: PruningStep }> {
  const { method, train, options } = run;
  if (options.maxDrop !== undefined && !train && options.steps === undefined) return searchFurthest(run);
  const count = Math.min(train ? trainedSteps(options) : (options.steps ?? 1), method.levels);
  const steps: PruningStep[] = [];
  let chosen: PruningStep | undefined;
  for (let k = 1; k <= count; k++) {
    const from = train ? (steps.at(-1)?.model ?? run.original) : run.original;
    const step = await stepTo(run, from, k / count, k);
    steps.push(step);
    const fails = step.score?.passes === false;
    if (!chosen || !fails) chosen = step;
    if (fails) break;
  }
  return { steps, chosen: chosen! };
}

/** Finds the furthest level whose model keeps the gate, in about log₂ n tries: what is lost grows with what is removed. */
async function searchFurthest(run: PruningRun): Promise<{ steps: PruningStep[]; chosen: PruningStep }> {
  const { levels } = run.method;
  const steps: PruningStep[] = [];
  let [low, high] = [1, levels];
  let best: PruningStep | undefined;
  for (let level = levels; low <= high; level = Math.floor((low + high) / 2)) {
    const step = await stepTo(run, run.original, level / levels, steps.length + 1);
    steps.push(step);
    if (step.score?.passes === false) high = level - 1;
    else [best, low] = [step, level + 1];
  }
  const least = () => steps.reduce((a, b) => (b.score!.drop < a.score!.drop ? b : a));
  return { steps, chosen: best ?? least() };
}

async function stepTo(
  { original, kind, method, train, trials, context }: PruningRun,
  from: Model,
  share: number,
  number: number,
): Promise<PruningStep> {
  const pruned = await method.prune(from, share);
  const trained = await train?.(pruned.model, number);
  const model = trained?.model ?? pruned.model;
  const scores = await trials?.score(trained ? [pruned.model, model] : [model]);
  const score = scores?.at(-1);
  const record = {
    step: number,
    ...(await sizesOf(original, model)),
    ...(kind === 'weights' && { sparsity: sparsityOf(pruned) }),
    ...(scores?.length && { accuracy: scores[0]!.accuracy }),
    ...(trained && score && { trained: score.accuracy }),
  };
  if (score) context.note(`step ${number}: ${describe(record)}`);
  return { pruned, trained, model, record, score };
}

function describe({ macs, parameters, sparsity, accuracy, trained }: Record<string, number>): string {
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const size =
    sparsity !== undefined
      ? `${percent(sparsity)} zeros`
      : `${percent(macs!)} of the MACs, ${percent(parameters!)} of the parameters`;
  return `${size}; accuracy ${percent(accuracy!)}${trained === undefined ? '' : `, trained ${percent(trained)}`}`;
}

/** Share of zeros among the weights that can be. */
export function sparsityOf({ groups }: Pruned): number {
  return 1 - sumOf(groups, ({ after }) => after) / sumOf(groups, ({ before }) => before);
}

/** What is left of the original: shares of its multiply-accumulates and parameters, and bytes. */
async function sizesOf(original: Model, model: Model): Promise<Record<string, number>> {
  const [before, after] = await Promise.all([measureCost(original), measureCost(model)]);
  return {
    macs: shareLeft(before, after, 'macs'),
    parameters: shareLeft(before, after, 'parameters'),
    bytes: writtenBytes(model),
  };
}

const shareLeft = (before: ModelCost, after: ModelCost, key: 'macs' | 'parameters') =>
  before[key] ? after[key] / before[key] : 1;
