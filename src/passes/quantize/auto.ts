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

/** Measures candidate models; what is absent cannot be measured. */
export interface Judge {
  fidelities?(models: readonly Model[]): Promise<Fidelity[]>;
  /** Float time over candidate time, a row per model with one ratio per batch size. */
  speedups?(models: readonly Model[]): Promise<number[][]>;
}

/** One model that the search built. */
export interface Trial {
  name: string;
  plan: Plan;
  settings: Settings;
  speedup?: number[] | undefined;
  fidelity?: Fidelity | undefined;
}

/** What the search works on. */
export interface SearchContext {
  base: Model;
  candidates: readonly Candidate[];
  facts: ModelFacts;
  settings: Settings;
  judge: Judge;
  /** True where ranges were calibrated, so static quantization is possible. */
  calibrated: boolean;
  /** What matters among models that stay close to the original. */
  prefer: 'speed' | 'size';
  /** Calibration methods to try. */
  methods: readonly CalibrationMethod[];
  progress?: ((message: string) => void) | undefined;
}

/** A candidate whose predictions differ more often from the float model's is not taken. */
const LEAST_AGREEMENT = 0.98;
/** Without classes: outputs noisier than this are not taken. */
const LEAST_SQNR_DB = 15;
/** A model counts as slower than float below this ratio: the noise of a measurement. */
const SLOWER = 0.98;

const STORAGE = 'int8 storage';

type Assignment = Partial<Record<Family, Treatment>>;

/** Treatments by family that are worth a measurement, the rest being stored as int8. */
const PROPOSALS: readonly { name: string; assignment: Assignment }[] = [
  { name: STORAGE, assignment: {} },
  {
    name: 'static',
    assignment: { conv: 'static', depthwise: 'static', dense: 'static', recurrent: 'dynamic' },
  },
  { name: 'static, depthwise in float', assignment: { conv: 'static', dense: 'static', recurrent: 'dynamic' } },
  {
    name: 'static convolutions, dynamic dense layers',
    assignment: { conv: 'static', depthwise: 'static', dense: 'dynamic', recurrent: 'dynamic' },
  },
  { name: 'static convolutions', assignment: { conv: 'static', depthwise: 'static', recurrent: 'dynamic' } },
  { name: 'dynamic', assignment: { dense: 'dynamic', recurrent: 'dynamic' } },
  { name: 'dynamic recurrent layers', assignment: { recurrent: 'dynamic' } },
];

/** What is tried where size was asked for, the smallest first. */
const SMALLEST: typeof PROPOSALS = [
  { name: 'int4 dense layers', assignment: { dense: 'int4' } },
  { name: STORAGE, assignment: {} },
];

/**
 * Chooses a treatment per node: builds the proposals that differ on this model, measures them, and takes the fastest
 * whose outputs stay close to the float model's. Never takes one that is slower than float.
 * @returns the chosen trial first, then the others in the order they were ranked.
 */
export async function searchPlan(context: SearchContext): Promise<Trial[]> {
  const trials: Trial[] = distinctPlans(context, context.prefer === 'size' ? SMALLEST : PROPOSALS).map(
    ({ name, plan }) => ({ name, plan, settings: context.settings }),
  );
  context.progress?.(`measuring ${trials.map((trial) => trial.name).join('; ')}`);
  const speedups = await context.judge.speedups?.(trials.map((trial) => build(context, trial)));
  trials.forEach((trial, i) => {
    trial.speedup = speedups?.[i];
  });
  const bySize = context.prefer === 'size';
  if (!bySize) trials.sort((a, b) => score(b) - score(a));
  for (const trial of trials) {
    const slower = trial.speedup && Math.min(...trial.speedup) < SLOWER;
    if (slower && !bySize && trial.name !== STORAGE) continue;
    const tuned = await tune(context, trial);
    Object.assign(trial, tuned);
    if (isClose(trial.fidelity)) return [trial, ...trials.filter((other) => other !== trial)];
  }
  return trials.sort((a, b) => (b.fidelity?.sqnrDb ?? -1) - (a.fidelity?.sqnrDb ?? -1));
}

function build(context: SearchContext, trial: Trial): Model {
  return applyPlan(context.base, trial.plan, context.facts, trial.settings);
}

function score(trial: Trial): number {
  if (!trial.speedup) return 0;
  return trial.speedup.reduce((product, ratio) => product * ratio, 1) ** (1 / trial.speedup.length);
}

function isClose(fidelity: Fidelity | undefined): boolean {
  if (!fidelity) return true;
  return fidelity.agreement < 1 ? fidelity.agreement >= LEAST_AGREEMENT : fidelity.sqnrDb >= LEAST_SQNR_DB;
}

/** Plans that differ from each other on this model, in the order of the proposals. */
function distinctPlans(context: SearchContext, proposals: typeof PROPOSALS): { name: string; plan: Plan }[] {
  const seen = new Map<string, { name: string; plan: Plan }>();
  for (const { name, assignment } of proposals) {
    const usesStatic = Object.values(assignment).includes('static');
    if (usesStatic && !context.calibrated) continue;
    const plan = planOf(context.candidates, assignment);
    const key = [...plan.values()].join();
    if (!seen.has(key)) seen.set(key, { name, plan });
  }
  return [...seen.values()];
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

/** Tries the settings that change the numbers but not the speed, and keeps those that stay closest to float. */
async function tune(context: SearchContext, trial: Trial): Promise<Pick<Trial, 'settings' | 'fidelity'>> {
  const { judge, methods } = context;
  if (!judge.fidelities) return { settings: trial.settings };
  const usesStatic = [...trial.plan.values()].includes('static');
  const variants = usesStatic
    ? methods.map((calibrationMethod) => ({ ...trial.settings, calibrationMethod }))
    : [trial.settings];
  context.progress?.(`comparing ${trial.name}${usesStatic ? ` with ranges by ${methods.join(', ')}` : ''}`);
  const fidelities = await judge.fidelities(variants.map((settings) => build(context, { ...trial, settings })));
  return variants
    .map((settings, i) => ({ settings, fidelity: fidelities[i]! }))
    .reduce((best, variant) => (betterThan(variant.fidelity, best.fidelity) ? variant : best));
}

/** Fewer changed predictions first; equal ones are told apart by the noise. */
function betterThan(a: Fidelity, b: Fidelity): boolean {
  return Math.abs(a.agreement - b.agreement) > 0.004 ? a.agreement > b.agreement : a.sqnrDb > b.sqnrDb;
}
