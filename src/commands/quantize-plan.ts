import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { applyPlan, calibratedValues, type ModelFacts, type Settings } from '../passes/quantize/apply.js';
import { describePlan, type Judge, planOf, searchPlan, type Trial } from '../passes/quantize/auto.js';
import { checkFilter, excludedBy, type NodeFilter } from '../passes/quantize/filter.js';
import type { PreparedModel } from '../passes/quantize/index.js';
import type { Candidate, Plan, Treatment } from '../passes/quantize/plan.js';
import type { CalibrationMethod } from '../passes/quantize/ranges.js';
import { type Calibration, calibrateValues } from './calibration.js';
import type { CommandContext } from './context.js';
import { chooseHalf } from './quantize-half.js';
import type { QuantizeOptions } from './quantize-options.js';
import type { TargetAdvice } from './quantize-target.js';
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
  /** What the user should know of the choice. */
  warnings: string[];
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
  options: QuantizeOptions & Pick<TargetAdvice, 'reduceRange' | 'halfTarget'>,
  context: CommandContext,
): Promise<ChosenPlan> {
  checkFilter(options, [bench.model, prepared.model]);
  const settings: Settings = {
    calibrationMethod: options.calibrationMethod ?? 'minmax',
    perChannel: options.perChannel ?? true,
    symmetric: options.symmetric ?? false,
    reduceRange: options.reduceRange,
    blockSize: options.blockSize,
  };
  if (options.halfTarget)
    return chooseHalf(bench, prepared, calibration, options.halfTarget, { ...options, settings }, context);
  const { candidates, excluded } = filterCandidates(prepared, options);
  const method = options.method === 'auto' ? undefined : METHODS[options.method]!;
  const methods = options.calibrationMethod ? [options.calibrationMethod] : ALL_METHODS;
  const histograms = method ? settings.calibrationMethod !== 'minmax' : methods.some((m) => m !== 'minmax');
  const calibrate = async (plan: Plan, samples?: number): Promise<ModelFacts> => ({
    isFloat32: prepared.isFloat32,
    statistics: calibration
      ? await calibrateValues(
          bench,
          prepared.model,
          calibratedValues(prepared.model, plan, prepared),
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
    warnings: [],
    build: (plan) => applyPlan(prepared.model, plan, chosen.facts, chosen.settings),
  };
}

/** The nodes that the user lets be quantized, and by key why others are not. */
export function filterCandidates({ survey }: PreparedModel, filter: NodeFilter) {
  const excludes = excludedBy(filter);
  const reasons = survey.candidates.map((candidate) => ({ candidate, reason: excludes(candidate) }));
  return {
    candidates: reasons.flatMap(({ candidate, reason }) => (reason ? [] : [candidate])),
    excluded: new Map(reasons.flatMap(({ candidate: { key }, reason }) => (reason ? [[key, reason] as const] : []))),
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
