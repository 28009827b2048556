import type { ValueStatistics } from './calibrate.js';
import type { Histogram } from './histogram.js';
import type { Range } from './integers.js';

/** How an activation's range is chosen from what calibration saw. */
export type CalibrationMethod = 'minmax' | 'percentile' | 'mse' | 'entropy';

/** Share of values that the percentile method keeps inside the range. */
const KEPT = 0.9999;
/** Integers that activations have. */
const LEVELS = 256;
/** Shrunken ranges that are tried. */
const STEPS = 80;

type KnownStatistics = Required<ValueStatistics>;

/** Range choosers by method; all but `minmax` read the histogram. */
const METHODS: Readonly<Record<CalibrationMethod, (statistics: KnownStatistics) => Range>> = {
  minmax: ({ low, high }) => ({ low, high }),
  percentile,
  mse: (statistics) => shrink(statistics, squaredError),
  entropy: (statistics) => shrink(statistics, divergence),
};

/** Ranges that were searched for already; a plan is applied many times to the same statistics. */
const chosen = new WeakMap<Histogram, Map<CalibrationMethod, Range>>();

/** The range that activations are quantized over. */
export function chooseRange(statistics: ValueStatistics, method: CalibrationMethod): Range {
  const { low, high, histogram } = statistics;
  if (method === 'minmax' || !histogram || high <= low) return { low, high };
  const known = chosen.get(histogram) ?? new Map<CalibrationMethod, Range>();
  chosen.set(histogram, known);
  const range = known.get(method) ?? METHODS[method]({ low, high, histogram });
  known.set(method, range);
  return range;
}

/** Cuts off equal shares at both ends so that `KEPT` of all values stay inside. */
function percentile({ low, high, histogram: { first: origin, width, counts } }: KnownStatistics): Range {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const cut = ((1 - KEPT) / 2) * total;
  let first = 0;
  for (let seen = counts[0]!; seen <= cut && first < counts.length - 1; seen += counts[first]!) first++;
  let last = counts.length - 1;
  for (let seen = counts[last]!; seen <= cut && last > first; seen += counts[last]!) last--;
  return { low: Math.max(low, origin + first * width), high: Math.min(high, origin + (last + 1) * width) };
}

/**
 * Tries shrunken ranges, each end for itself, and keeps the one with the least cost. Coordinate search: the ends are
 * nearly independent, as values beyond one say nothing about the other.
 */
function shrink(statistics: KnownStatistics, cost: (histogram: Histogram, range: Range) => number): Range {
  const best: Range = { low: Math.min(statistics.low, 0), high: Math.max(statistics.high, 0) };
  let least = cost(statistics.histogram, best);
  for (const end of ['high', 'low', 'high'] as const) {
    const full = end === 'high' ? Math.max(statistics.high, 0) : Math.min(statistics.low, 0);
    if (full === 0) continue;
    for (let step = 1; step < STEPS; step++) {
      const tried = { ...best, [end]: full * (1 - step / STEPS) };
      if (tried.high <= tried.low) continue;
      const found = cost(statistics.histogram, tried);
      if (found < least) {
        least = found;
        best[end] = tried[end];
      }
    }
  }
  return best;
}

/** Expected squared error: rounding (a twelfth of the squared step) inside, distance to the nearest end outside. */
function squaredError({ first, width, counts }: Histogram, range: Range): number {
  const rounding = ((range.high - range.low) / (LEVELS - 1)) ** 2 / 12;
  let sum = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin]!;
    if (!count) continue;
    const x = first + (bin + 0.5) * width;
    const beyond = x > range.high ? x - range.high : x < range.low ? range.low - x : 0;
    sum += count * (beyond ? beyond * beyond : rounding);
  }
  return sum;
}

/**
 * Kullback-Leibler divergence between the values, clipped into the range, and their quantized form (Migacz, "8-bit
 * inference with TensorRT", 2017). Zero has an integer of its own, so its bin, which Relu fills, is no error.
 */
function divergence({ first: origin, width, counts }: Histogram, range: Range): number {
  const first = Math.max(0, Math.floor((range.low - origin) / width));
  const last = Math.min(counts.length - 1, Math.ceil((range.high - origin) / width) - 1);
  if (last - first + 1 < LEVELS) return Number.POSITIVE_INFINITY;
  const clipped = counts.slice(first, last + 1);
  const inside = clipped.slice();
  for (let bin = 0; bin < first; bin++) clipped[0]! += counts[bin]!;
  for (let bin = last + 1; bin < counts.length; bin++) clipped[clipped.length - 1]! += counts[bin]!;
  const zero = Math.round(-origin / width) - first;
  const atZero = inside[zero] ?? 0;
  if (atZero) inside[zero] = 0;
  const spread = spreadOverLevels(inside);
  if (atZero) spread[zero] = atZero;
  return kullbackLeibler(clipped, spread);
}

/** Merges bins into levels and spreads each level's mass over its bins that hold anything. */
function spreadOverLevels(counts: Float64Array): Float64Array {
  const perLevel = counts.length / LEVELS;
  const spread = new Float64Array(counts.length);
  for (let level = 0; level < LEVELS; level++) {
    const from = Math.floor(level * perLevel);
    const to = Math.max(from + 1, Math.floor((level + 1) * perLevel));
    let mass = 0;
    let filled = 0;
    for (let i = from; i < to && i < counts.length; i++) {
      mass += counts[i]!;
      if (counts[i]!) filled++;
    }
    for (let i = from; i < to && i < counts.length; i++) if (counts[i]!) spread[i] = mass / filled;
  }
  return spread;
}

function kullbackLeibler(p: Float64Array, q: Float64Array): number {
  const sum = (values: Float64Array) => values.reduce((total, v) => total + v, 0);
  const [totalP, totalQ] = [sum(p), sum(q)];
  let result = 0;
  for (let i = 0; i < p.length; i++) {
    if (!p[i]) continue;
    const share = p[i]! / totalP;
    result += share * Math.log(share / Math.max(q[i]! / totalQ, 1e-10));
  }
  return result;
}
