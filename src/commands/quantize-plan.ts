import type { Model } from '../ir/model.js';
import { applyPlan, calibratedValues, type ModelFacts, type Settings } from '../passes/quantize/apply.js';
import { type Judge, planOf, searchPlan, type Trial } from '../passes/quantize/auto.js';
import { collectStatistics, type ValueStatistics } from '../passes/quantize/calibrate.js';
import { excludedBy, type PreparedModel } from '../passes/quantize/index.js';
import type { Candidate, Plan, Treatment } from '../passes/quantize/plan.js';
import type { CalibrationMethod } from '../passes/quantize/ranges.js';
import type { Calibration } from './calibration.js';
import type { CommandContext } from './context.js';
import type { QuantizeOptions } from './quantize-options.js';
import type { Workbench } from './workbench.js';

/** A plan with all that is needed to carry it out again, changed. */
export interface ChosenPlan {
  plan: Plan;
  settings: Settings;
  facts: ModelFacts;
  /** One word or sentence: what was chosen. */
  method: string;
  trials: Trial[];
  /** Why the user's options keep a node in float, by key. */
  excluded: ReadonlyMap<string, string>;
  build(plan: Plan): Model;
}

/** Treatment by family for each explicit method, and what the rest gets. */
const METHODS: Readonly<
  Record<string, { assignment: Parameters<typeof planOf>[1]; rest: Treatment; calibrated?: true }>
> = {
  static: {
    assignment: { conv: 'static', depthwise: 'static', dense: 'static', recurrent: 'dynamic' },
    rest: 'int8-storage',
    calibrated: true,
  },
  dynamic: { assignment: { dense: 'dynamic', recurrent: 'dynamic' }, rest: 'int8-storage' },
  'int8-weights': { assignment: {}, rest: 'int8-storage' },
  'int4-weights': { assignment: { dense: 'int4' }, rest: 'int8-storage' },
  fp16: { assignment: {}, rest: 'fp16-storage' },
};

const ALL_METHODS: readonly CalibrationMethod[] = ['minmax', 'percentile', 'mse', 'entropy'];

/** Decides what is done to each node: as the method says, or by measuring, for `auto`. */
export async function choosePlan(
  bench: Workbench,
  prepared: PreparedModel,
  calibration: Calibration | undefined,
  judge: Judge,
  options: QuantizeOptions & { reduceRange: boolean },
  context: CommandContext,
): Promise<ChosenPlan> {
  const excludes = excludedBy(options);
  const excluded = new Map<string, string>();
  const candidates = prepared.survey.candidates.filter((candidate) => {
    const reason = excludes(candidate);
    if (reason) excluded.set(candidate.key, reason);
    return !reason;
  });
  const method = options.method === 'auto' ? undefined : METHODS[options.method]!;
  const methods = options.calibrationMethod
    ? [options.calibrationMethod]
    : method
      ? (['minmax'] as const)
      : ALL_METHODS;
  const usesStatic = calibration !== undefined && (!method || method.calibrated === true);
  const statistics = usesStatic
    ? await calibrate(
        bench,
        prepared,
        candidates,
        calibration!,
        methods.some((m) => m !== 'minmax'),
        context,
      )
    : new Map<string, ValueStatistics>();
  const facts: ModelFacts = { isFloat32: prepared.isFloat32, statistics };
  const settings: Settings = {
    calibrationMethod: methods[0]!,
    perChannel: options.perChannel ?? true,
    symmetric: options.symmetric ?? false,
    reduceRange: options.reduceRange,
    blockSize: options.blockSize,
  };
  const trials: Trial[] = method
    ? [{ name: options.method, plan: planOf(candidates, method.assignment, method.rest), settings }]
    : await searchPlan({
        base: prepared.model,
        candidates,
        facts,
        settings,
        judge,
        calibrated: usesStatic,
        methods,
        prefer: options.prefer,
        progress: context.detail,
      });
  const [chosen] = trials as [Trial];
  return {
    plan: chosen.plan,
    settings: chosen.settings,
    facts,
    method: chosen.name,
    trials,
    excluded,
    build: (plan) => applyPlan(prepared.model, plan, facts, chosen.settings),
  };
}

async function calibrate(
  bench: Workbench,
  prepared: PreparedModel,
  candidates: readonly Candidate[],
  calibration: Calibration,
  histograms: boolean,
  context: CommandContext,
): Promise<Map<string, ValueStatistics>> {
  const full = planOf(candidates, METHODS.static!.assignment);
  const values = calibratedValues(prepared.model, full, prepared);
  if (!values.length) return new Map();
  const passes = histograms ? 2 : 1;
  const task = context.progress.start('calibrating', calibration.indices.length * passes);
  const counted = async function* () {
    for await (const feeds of calibration.batches()) {
      yield feeds;
      task.advance(Object.values(feeds)[0]!.dims[0]);
    }
  };
  const statistics = await collectStatistics(prepared.model, values, counted, { histograms, session: bench.session });
  task.done();
  return statistics;
}
