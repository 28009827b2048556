import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { applyPlan, calibratedValues, type ModelFacts, type Settings } from '../passes/quantize/apply.js';
import { describePlan, type Judge, planOf, searchPlan, type Trial } from '../passes/quantize/auto.js';
import { collectStatistics, type ValueStatistics } from '../passes/quantize/calibrate.js';
import { excludedBy, type PreparedModel } from '../passes/quantize/index.js';
import type { Candidate, Plan, Treatment } from '../passes/quantize/plan.js';
import type { CalibrationMethod } from '../passes/quantize/ranges.js';
import { batchSize } from '../runtime/pool.js';
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

interface Method {
  assignment: Parameters<typeof planOf>[1];
  rest: Treatment;
  /** True where activation ranges are needed beforehand. */
  calibrated?: true;
}

/** Treatment by family for each explicit method, and what the rest gets. */
const METHODS: Readonly<Record<string, Method>> = {
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
  const settings: Settings = {
    calibrationMethod: options.calibrationMethod ?? 'minmax',
    perChannel: options.perChannel ?? true,
    symmetric: options.symmetric ?? false,
    reduceRange: options.reduceRange,
    blockSize: options.blockSize,
  };
  const methods = options.calibrationMethod ? [options.calibrationMethod] : ALL_METHODS;
  const histograms = method ? settings.calibrationMethod !== 'minmax' : methods.some((m) => m !== 'minmax');
  const calibrate = async (plan: Plan, samples?: number): Promise<ModelFacts> => ({
    isFloat32: prepared.isFloat32,
    statistics: calibration
      ? await calibrateValues(
          bench,
          prepared,
          plan,
          calibration,
          { histograms: histograms && !samples, samples },
          context,
        )
      : new Map(),
  });
  const trials = method
    ? [await explicitTrial(options.method, method, candidates, settings, calibrate, calibration !== undefined)]
    : await searchPlan({
        base: prepared.model,
        candidates,
        facts: await calibrate(planOf(candidates, METHODS.static!.assignment), QUICK_SAMPLES),
        settings,
        judge,
        calibrate: calibration && calibrate,
        methods,
        prefer: options.prefer,
        progress: context.detail,
      });
  const [chosen] = trials as [Trial];
  return {
    plan: chosen.plan,
    settings: chosen.settings,
    facts: chosen.facts,
    method: chosen.name,
    trials,
    excluded,
    build: (plan) => applyPlan(prepared.model, plan, chosen.facts, chosen.settings),
  };
}

/** Samples that give ranges good enough to measure speed with. */
const QUICK_SAMPLES = 16;

/** @throws UserError where the method needs calibration data and there is none */
async function explicitTrial(
  name: string,
  { assignment, rest, calibrated }: Method,
  candidates: readonly Candidate[],
  settings: Settings,
  calibrate: (plan: Plan) => Promise<ModelFacts>,
  hasInputs: boolean,
): Promise<Trial> {
  if (calibrated && !hasInputs)
    throw new UserError('static quantization needs inputs to take activation ranges from', {
      file: `--method ${name}`,
      mend: 'name some with --calibration or --data',
    });
  const plan = planOf(candidates, assignment, rest);
  return { name: `${name} (${describePlan(plan, candidates)})`, plan, settings, facts: await calibrate(plan) };
}

async function calibrateValues(
  bench: Workbench,
  prepared: PreparedModel,
  plan: Plan,
  calibration: Calibration,
  { histograms, samples }: { histograms: boolean; samples?: number | undefined },
  context: CommandContext,
): Promise<Map<string, ValueStatistics>> {
  const values = calibratedValues(prepared.model, plan, prepared);
  if (!values.length) return new Map();
  const count = samples ?? calibration.indices.length;
  const task = context.progress.start('calibrating', count * (histograms ? 2 : 1));
  const counted = async function* () {
    for await (const feeds of calibration.batches(samples)) {
      yield feeds;
      task.advance(batchSize(feeds));
    }
  };
  const statistics = await collectStatistics(prepared.model, values, counted, { histograms, session: bench.session });
  task.done();
  return statistics;
}
