import { applyPlan, type ModelFacts, type Settings } from '../passes/quantize/apply.js';
import type { ValueStatistics } from '../passes/quantize/calibrate.js';
import type { PreparedModel } from '../passes/quantize/index.js';
import type { Treatment } from '../passes/quantize/plan.js';
import { chooseRange } from '../passes/quantize/ranges.js';
import { otherRun, readAnyCheckpoint } from '../training/checkpoint.js';
import type { QuantizeOptions } from './quantize-options.js';
import { type ChosenPlan, filterCandidates } from './quantize-plan.js';

/** A plan as a checkpoint holds it: what was measured would not be measured alike again. */
interface Decisions {
  /** The options that it was chosen by. */
  options: unknown;
  method: string;
  plan: [key: string, treatment: Treatment][];
  settings: Settings;
  /** Ends of the ranges of values; null where one is not finite. */
  ranges: [value: string, low: number | null, high: number | null][];
}

/** What a checkpoint has to know of a plan. */
export function decisionsOfPlan({ method, plan, settings, facts }: ChosenPlan, options: QuantizeOptions): Decisions {
  const ranges = [...facts.statistics].map(([value, statistics]): Decisions['ranges'][number] => {
    const { low, high } = chooseRange(statistics, settings.calibrationMethod);
    return [value, low, high];
  });
  return { options: choiceOf(options), method, plan: [...plan], settings, ranges };
}

/** The plan of an interrupted run. @throws UserError where the checkpoint is broken or of a run with other options */
export async function resumePlan(
  { model, ...prepared }: PreparedModel,
  checkpoint: string,
  options: QuantizeOptions,
): Promise<ChosenPlan> {
  const { decisions } = await readAnyCheckpoint(checkpoint);
  const { method, settings, ...found } = (decisions ?? {}) as Decisions;
  if (JSON.stringify(found.options) !== JSON.stringify(choiceOf(options))) throw otherRun(checkpoint);
  const statistics = found.ranges.map(([value, low, high]): [string, ValueStatistics] => [
    value,
    { low: low ?? Number.NaN, high: high ?? Number.NaN },
  ]);
  const facts: ModelFacts = { isFloat32: prepared.isFloat32, statistics: new Map(statistics) };
  const { excluded } = filterCandidates({ model, ...prepared }, options);
  return {
    ...{ method, settings, facts, excluded },
    plan: new Map(found.plan),
    trials: [],
    warnings: [],
    build: (plan) => applyPlan(model, plan, facts, settings),
  };
}

/** The options that a plan is chosen by. */
function choiceOf(options: QuantizeOptions): unknown {
  const { method, prefer, target, device, benchmark, include, exclude, ops, seed } = options;
  const { perChannel, symmetric, reduceRange, blockSize } = options;
  const { calibration, calibrationSamples, calibrationMethod } = options;
  return [
    [method, prefer, target, device, benchmark, include, exclude, ops, seed],
    [perChannel, symmetric, reduceRange, blockSize],
    [calibration, calibrationSamples, calibrationMethod],
  ];
}
