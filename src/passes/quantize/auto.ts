import type { Model } from '../../ir/model.js';
import { applyPlan, type ModelFacts, type Settings } from './apply.js';
import type { Candidate, Family, Plan, Treatment } from './plan.js';
import type { CalibrationMethod } from './ranges.js';

/** How much a model's outputs changed against the float model, on calibration inputs. */
export interface Fidelity {
  /** Signal to quantization noise of the outputs, in dB. */
  sqnrDb: number;
  /** Share of samples whose predicted class stayed; 1 where there are no classes. */
  agreement: number;
}

/** Makes a model when it is needed, so that large ones need not be held at once. */
export type Build = () => Model;

/** Measures candidate models; what is absent cannot be measured. */
export interface Judge {
  fidelities?(models: readonly Build[]): Promise<Fidelity[]>;
  /** Float time over candidate time, a row per model with one ratio per batch size. */
  speedups?(models: readonly Build[]): Promise<number[][]>;
}

/** One model that the search built. */
export interface Trial {
  name: string;
  plan: Plan;
  settings: Settings;
  /** What its model was built from. */
  facts: ModelFacts;
  speedup?: number[] | undefined;
  fidelity?: Fidelity | undefined;
}

/** What the search works on. */
export interface SearchContext {
  base: Model;
  candidates: readonly Candidate[];
  /** Enough to build models whose speed can be measured: ranges from a few samples. */
  facts: ModelFacts;
  settings: Settings;
  judge: Judge;
  /** Calibrates a plan's values in full; absent where there is no data, and so no static quantization. */
  calibrate?: ((plan: Plan) => Promise<ModelFacts>) | undefined;
  /** What matters among models that stay close to the original. */
  prefer: 'speed' | 'size';
  /** Calibration methods to try. */
  methods: readonly CalibrationMethod[];
  progress?: ((message: string) => void) | undefined;
}

/** How close outputs must stay: agreement counts where there are classes, the signal to noise ratio elsewhere. */
interface Closeness {
  agreement: number;
  sqnrDb: number;
}

const CLOSE: Closeness = { agreement: 0.97, sqnrDb: 20 };
/** What is taken where nothing faster than float is close. */
const TOLERABLE: Closeness = { agreement: 0.93, sqnrDb: 12 };
/** A model counts as slower than float below this ratio: the noise of a measurement. */
const SLOWER = 0.98;
/** Integer kernels must gain this much over all batch sizes to be worth their rounding. */
const FASTER = 1.02;

type Assignment = Partial<Record<Family, Treatment>>;

/** Assignments that are worth a measurement; what they leave out is stored as int8. */
const FOR_SPEED: readonly Assignment[] = [
  { conv: 'static', depthwise: 'static', dense: 'static', recurrent: 'dynamic' },
  { conv: 'static', dense: 'static', recurrent: 'dynamic' },
  { conv: 'static', depthwise: 'static', dense: 'dynamic', recurrent: 'dynamic' },
  { conv: 'static', depthwise: 'static', recurrent: 'dynamic' },
  { dense: 'dynamic', recurrent: 'dynamic' },
  { recurrent: 'dynamic' },
  {},
];

/** What is tried where size was asked for, the smallest first. */
const FOR_SIZE: readonly Assignment[] = [{ dense: 'int4' }, {}];

/**
 * Chooses a treatment per node: builds models that differ in how they treat the families of nodes, measures them, and
 * takes the fastest whose outputs stay close to the float model's. Never takes one that is slower than float, unless
 * size was asked for.
 * @returns the chosen trial first, then the others in the order they were ranked.
 */
export async function searchPlan(context: SearchContext): Promise<Trial[]> {
  const bySize = context.prefer === 'size';
  const trials = proposals(context, bySize ? FOR_SIZE : FOR_SPEED);
  context.progress?.(`measuring ${trials.map((trial) => trial.name).join(' | ')}`);
  const speedups = await context.judge.speedups?.(trials.map((trial) => () => build(context, trial)));
  trials.forEach((trial, i) => {
    trial.speedup = speedups?.[i];
  });
  if (!bySize)
    trials.sort(
      speedups
        ? (a, b) => geometricMean(b.speedup!) - geometricMean(a.speedup!)
        : (a, b) => expected(context, b) - expected(context, a),
    );
  const reduced = trials.filter(({ plan, speedup }) => {
    const pays = !speedup || (Math.min(...speedup) >= SLOWER && geometricMean(speedup) >= FASTER);
    return computesInIntegers(plan) && (bySize || pays);
  });
  const chosen =
    (await firstClose(context, reduced)) ??
    reduced.find(({ fidelity }) => isClose(fidelity, TOLERABLE)) ??
    trials.find(({ plan }) => !computesInIntegers(plan))!;
  if (!reduced.includes(chosen)) Object.assign(chosen, await tune(context, chosen));
  return [chosen, ...trials.filter((other) => other !== chosen)];
}

/** Tunes trials in their order until one is close. */
async function firstClose(context: SearchContext, trials: readonly Trial[]): Promise<Trial | undefined> {
  for (const trial of trials) {
    Object.assign(trial, await tune(context, trial));
    if (isClose(trial.fidelity, CLOSE)) return trial;
  }
  return undefined;
}

/** Trials whose plans differ on this model. */
function proposals(context: SearchContext, assignments: readonly Assignment[]): Trial[] {
  const trials = new Map<string, Trial>();
  for (const assignment of assignments) {
    const plan = planOf(context.candidates, assignment);
    if (usesStatic(plan) && !context.calibrate) continue;
    const name = describePlan(plan, context.candidates);
    if (!trials.has(name)) trials.set(name, { name, plan, settings: context.settings, facts: context.facts });
  }
  return [...trials.values()];
}

function build(context: SearchContext, trial: Trial): Model {
  return applyPlan(context.base, trial.plan, trial.facts, trial.settings);
}

function usesStatic(plan: Plan): boolean {
  return [...plan.values()].includes('static');
}

/** True where some node gets another kernel, and not just smaller weights. */
function computesInIntegers(plan: Plan): boolean {
  return [...plan.values()].some((treatment) => KERNELS.has(treatment));
}

const KERNELS: ReadonlySet<Treatment> = new Set(['static', 'dynamic', 'int4']);

function geometricMean(ratios: readonly number[]): number {
  return ratios.reduce((product, ratio) => product * ratio, 1) ** (1 / ratios.length);
}

/** Where speed cannot be measured: static ranges suit convolutional models, dynamic ones the rest. */
function expected(context: SearchContext, { plan }: Trial): number {
  const convolutional = context.candidates.some(({ family }) => family === 'conv');
  const treatments = [...plan.values()];
  const share = (treatment: Treatment) => treatments.filter((t) => t === treatment).length;
  return convolutional ? 2 * share('static') + share('dynamic') : share('dynamic') - share('static');
}

function isClose(fidelity: Fidelity | undefined, { agreement, sqnrDb }: Closeness): boolean {
  if (!fidelity) return true;
  return fidelity.agreement < 1 ? fidelity.agreement >= agreement : fidelity.sqnrDb >= sqnrDb;
}

/** A plan in words: `static: conv, dense; int8-storage: embedding`. */
export function describePlan(plan: Plan, candidates: readonly Candidate[]): string {
  const families = new Map<Treatment, Set<Family>>();
  for (const { key, family } of candidates) {
    const treatment = plan.get(key) ?? 'float';
    if (treatment === 'float' && family === 'attention') continue;
    const known = families.get(treatment);
    if (known) known.add(family);
    else families.set(treatment, new Set([family]));
  }
  return [...families].map(([treatment, names]) => `${treatment}: ${[...names].join(', ')}`).join('; ');
}

/** Treats each candidate as its family is assigned; what has no such treatment is stored as int8. */
export function planOf(
  candidates: readonly Candidate[],
  assignment: Assignment,
  fallback: Treatment = 'int8-storage',
): Plan {
  const plan = new Map<string, Treatment>();
  for (const { key, family, treatments } of candidates) {
    const wanted = assignment[family];
    if (wanted && treatments.includes(wanted)) plan.set(key, wanted);
    else plan.set(key, treatments.includes(fallback) ? fallback : 'float');
  }
  return plan;
}

/** Calibrates in full, tries the settings that change the numbers but not the speed, and keeps those closest to float. */
async function tune(context: SearchContext, trial: Trial): Promise<Pick<Trial, 'settings' | 'fidelity' | 'facts'>> {
  const { judge, methods, calibrate } = context;
  const calibrated = usesStatic(trial.plan);
  const facts = calibrated && calibrate ? await calibrate(trial.plan) : trial.facts;
  if (!judge.fidelities) return { settings: trial.settings, facts };
  const variants = (calibrated ? methods : [trial.settings.calibrationMethod]).map((calibrationMethod) => ({
    ...trial.settings,
    calibrationMethod,
  }));
  context.progress?.(`comparing ${trial.name}${calibrated ? ` with ranges by ${methods.join(', ')}` : ''}`);
  const models = variants.map((settings) => () => build(context, { ...trial, settings, facts }));
  const fidelities = await judge.fidelities(models);
  return variants
    .map((settings, i) => ({ settings, facts, fidelity: fidelities[i]! }))
    .reduce((best, variant) => (betterThan(variant.fidelity, best.fidelity) ? variant : best));
}

/** Fewer changed predictions first; equal ones are told apart by the noise. */
function betterThan(a: Fidelity, b: Fidelity): boolean {
  return Math.abs(a.agreement - b.agreement) > 0.004 ? a.agreement > b.agreement : a.sqnrDb > b.sqnrDb;
}
