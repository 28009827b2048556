import type { TaskData } from '../data/task.js';
import type { ClassificationAccumulator } from '../evaluate/classification.js';
import { comparePredictions } from '../evaluate/compare.js';
import type { Fidelity } from '../evaluate/fidelity.js';
import { dropOf, type PairedCounts } from '../evaluate/paired.js';
import type { Model } from '../ir/model.js';
import { searchGate } from '../passes/quantize/gate-search.js';
import type { Plan } from '../passes/quantize/plan.js';
import { withLoadable } from '../runtime/source.js';
import { type ExitWatch, watchExits } from './adaptive-file.js';
import type { CommandContext } from './context.js';
import { keepsDrop } from './gating.js';
import { runModels } from './run-models.js';
import type { Workbench } from './workbench.js';

/** A quantized model and what the test data says of it. */
export interface QuantizedResult {
  plan: Plan;
  model: Model;
  /** Samples that both models ran on. */
  samples: number;
  /** Place in the data of each of them, in the order of the predictions. */
  indices: readonly number[];
  before?: ClassificationAccumulator | undefined;
  after?: ClassificationAccumulator | undefined;
  fidelity?: Fidelity | undefined;
  agreement?: number | undefined;
  pairs?: PairedCounts | undefined;
  /** What further models gave on the same samples. */
  others?: readonly ClassificationAccumulator[];
  /** Where samples left the original and the result, where their cost depends on the input. */
  watches: readonly (ExitWatch | undefined)[];
}

/** What a quantized model may lose. */
export interface GateOptions {
  maxDrop?: number | undefined;
  confidence?: number | undefined;
  limit?: number | undefined;
  /** Models to evaluate beside. */
  others?: readonly Model[];
}

/** A plan, and what is written of it or of a changed one. */
export interface WrittenPlan {
  plan: Plan;
  build(plan: Plan): Promise<Model>;
}

/**
 * Builds the chosen model and evaluates it beside the original; where it loses more than allowed, puts the most harmful
 * nodes back to float until it does not.
 * @param ranking gives the keys of treated nodes, the most harmful first; called only where it is needed.
 */
export async function quantizeWithinGate(
  bench: Workbench,
  chosen: WrittenPlan,
  test: TaskData | undefined,
  ranking: (plan: Plan) => Promise<string[]>,
  options: GateOptions,
  context: CommandContext,
): Promise<QuantizedResult> {
  const model = await chosen.build(chosen.plan);
  if (!test) return { plan: chosen.plan, model, samples: 0, indices: [], watches: [] };
  const first = await evaluateBoth(bench, test, chosen.plan, model, options, context);
  if (!first.pairs || options.maxDrop === undefined || keepsDrop(first.pairs, options)) return first;
  context.note(
    `lost ${(100 * dropOf(first.pairs)).toFixed(2)} points, more than --max-drop allows: putting nodes back to float`,
  );
  const found = await searchGate(
    chosen.plan,
    await ranking(chosen.plan),
    async (plan) => {
      const tried = await evaluateAgain(bench, test, first, plan, await chosen.build(plan), options, context);
      context.detail(`${(100 * dropOf(tried.pairs!)).toFixed(2)} points with ${floats(plan)} nodes in float`);
      return tried;
    },
    ({ pairs }) => keepsDrop(pairs!, options),
    (a, b) => dropOf(a.pairs!) < dropOf(b.pairs!),
  );
  const best = found?.outcome;
  return best && (keepsDrop(best.pairs!, options) || dropOf(best.pairs!) < dropOf(first.pairs)) ? best : first;
}

function floats(plan: Plan): number {
  return [...plan.values()].filter((treatment) => treatment === 'float').length;
}

async function evaluateBoth(
  bench: Workbench,
  test: TaskData,
  plan: Plan,
  model: Model,
  options: GateOptions,
  context: CommandContext,
): Promise<QuantizedResult> {
  const { watches, onOutputs } = watchExits([bench.model, model]);
  const evaluation = await withLoadable([model, ...(options.others ?? [])], (sources) =>
    runModels(bench, test, [bench.path, ...sources], { ...options, onOutputs }, context),
  );
  const [before, after, ...others] = evaluation.classifications ?? [];
  after?.checkFinite();
  const comparison = before && after && comparePredictions(before.predictions, after.predictions);
  return {
    plan,
    model,
    samples: evaluation.samples,
    indices: evaluation.indices,
    before,
    after,
    fidelity: evaluation.fidelities[0],
    agreement: comparison?.agreement,
    pairs: comparison?.labelled?.pairs,
    others,
    watches,
  };
}

/** Evaluates another model against predictions of the original that are there already. */
async function evaluateAgain(
  bench: Workbench,
  test: TaskData,
  first: QuantizedResult,
  plan: Plan,
  model: Model,
  options: GateOptions,
  context: CommandContext,
): Promise<QuantizedResult> {
  const { watches, onOutputs } = watchExits([model]);
  const evaluation = await withLoadable([model], (sources) =>
    runModels(bench, test, sources, { ...options, onOutputs }, context),
  );
  const [after] = evaluation.classifications!;
  after!.checkFinite();
  const { agreement, labelled } = comparePredictions(first.before!.predictions, after!.predictions);
  const changed = { plan, model, after, agreement, pairs: labelled!.pairs, fidelity: undefined };
  return { ...first, ...changed, watches: [first.watches[0], ...watches] };
}
