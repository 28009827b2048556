import { evaluateGates, type GateFacts, type GateLimits, type GateResult } from './gates.js';

/** How much worse than a baseline a result may be. */
export interface Tolerances {
  /** Of accuracy, recall, precision and F1, as a difference of fractions: 0.01 is a point. */
  quality: number;
  /** Of size, latency and speed-up, as a share of the baseline's: 0.1 is a tenth. */
  cost: number;
}

/** How a fact of the baseline becomes a limit. */
const RULES: Readonly<Record<string, (value: number, tolerances: Tolerances) => number>> = {
  least: (value, { quality }) => Math.max(0, value - quality),
  most: (value, { cost }) => value * (1 + cost),
  speedup: (value, { cost }) => value * (1 - cost),
};

/**
 * Limits that keep a result from being worse than a baseline: one for every metric that the baseline holds. The loss has
 * none, since no difference of it is large or small by itself.
 */
export function regressionLimits(baseline: GateFacts, tolerances: Tolerances): GateLimits {
  const limit = (rule: keyof typeof RULES, value: number | undefined) =>
    value === undefined ? undefined : RULES[rule]!(value, tolerances);
  const recall = limit('least', baseline.recall?.macro);
  return {
    minAccuracy: limit('least', baseline.accuracy),
    minLabelAccuracy: limit('least', baseline.labelAccuracy),
    minTop5: limit('least', baseline.top5),
    minRecall: recall === undefined ? undefined : [{ limit: recall }],
    minPrecision: limit('least', baseline.precision?.macro),
    minF1: limit('least', baseline.f1?.macro),
    maxSize: limit('most', baseline.bytes),
    maxLatency: limit('most', baseline.latencyMs),
    minSpeedup: limit('speedup', baseline.speedup),
  };
}

/**
 * Checks a result against a baseline's facts; each gate also holds the baseline's value. What only one of both measured
 * must be left out of the baseline's facts beforehand: a gate whose fact is absent does not pass.
 */
export function regressionGates(baseline: GateFacts, facts: GateFacts, tolerances: Tolerances): GateResult[] {
  const limits = regressionLimits(baseline, tolerances);
  const before = evaluateGates(limits, baseline);
  return evaluateGates(limits, facts).map((gate, k) => ({ ...gate, baseline: before[k]!.value! }));
}
