import { sumOf } from '../group.js';
import { isWithin, leastLimit } from './paired.js';
import { ROUNDING } from './statistics.js';

/** What is known of samples at each exit of a model, the last exit included. */
export interface ExitTable {
  /** Samples. */
  size: number;
  /** Uncertainty of each sample at each exit but the last, 0…1. */
  unsure: readonly ArrayLike<number>[];
  /** 1 where a sample would be wrong at an exit, 0 where it would be right. */
  wrong: readonly ArrayLike<number>[];
  /** What it costs to get to each exit, as a share of what the original costs. */
  costs: readonly number[];
  /** What of these each exit alone needs, and would be saved without it; nothing where absent. */
  own?: readonly number[] | undefined;
  /** The same as `wrong` of the original, where that is not the last exit. */
  original?: ArrayLike<number> | undefined;
}

/** Thresholds and what they lead to. */
export interface Policy {
  /** One for each exit but the last: a sample that is less unsure leaves. 0 lets none leave, 1 all. */
  thresholds: number[];
  /** Mean cost of a sample, as a share of the original's. */
  cost: number;
  accuracy: number;
  /** Samples that are right only where they leave, and only with the original. */
  gained: number;
  lost: number;
  /** Share of the samples that leave at each exit. */
  shares: number[];
}

/** What is wanted of thresholds: to lose at most so much accuracy against the original, or to cost at most so much. */
export type Goal = { maxDrop: number } | { maxCost: number };

/** The exit that a sample leaves by. */
export function exitOf({ unsure }: Pick<ExitTable, 'unsure'>, thresholds: readonly number[], sample: number): number {
  let exit = 0;
  while (exit < thresholds.length && !leaves(unsure[exit]![sample]!, thresholds[exit]!)) exit++;
  return exit;
}

const leaves = (unsure: number, threshold: number) =>
  threshold > 0 && unsure < (threshold >= 1 ? Number.POSITIVE_INFINITY : threshold);

/** What thresholds lead to. */
export function applyThresholds(table: ExitTable, thresholds: readonly number[]): Policy {
  const counts = table.costs.map(() => 0);
  const before = originalOf(table);
  let [wrong, gained, lost] = [0, 0, 0];
  for (let sample = 0; sample < table.size; sample++) {
    const exit = exitOf(table, thresholds, sample);
    counts[exit]!++;
    const change = table.wrong[exit]![sample]! - before[sample]!;
    wrong += table.wrong[exit]![sample]!;
    if (change > 0) lost++;
    else if (change < 0) gained++;
  }
  const shares = counts.map((count) => count / Math.max(table.size, 1));
  const cost = shares.reduce((sum, share, exit) => sum + share * table.costs[exit]!, 0);
  return { thresholds: [...thresholds], cost, accuracy: 1 - wrong / Math.max(table.size, 1), gained, lost, shares };
}

/** Where losses are counted from: the original, which is the last exit where nothing else is said. */
const originalOf = ({ original, wrong }: ExitTable) => original ?? wrong.at(-1)!;

/** Accuracy that losses are counted from. */
export function accuracyBefore(table: ExitTable): number {
  return sumOf(Array.from(originalOf(table)), (wrong) => 1 - wrong) / Math.max(table.size, 1);
}

/** What no sample leaving early leads to. */
const lastAlone = (table: ExitTable): Policy =>
  applyThresholds(
    table,
    table.unsure.map(() => 0),
  );

/** Prices of a wrong answer, in costs of the original, that are tried. */
const PRICES = Array.from({ length: 49 }, (_, k) => 10 ** (-2 + k / 12));

/**
 * Policies from cheap to dear, each the best found for some price of a wrong answer: thresholds are moved one at a time to
 * where cost plus price is least, until none moves.
 */
export function frontier(table: ExitTable): Policy[] {
  const sorted = table.unsure.map((unsure) => orderOf(unsure, table.size));
  let thresholds = table.unsure.map(() => 1);
  const found = [applyThresholds(table, thresholds)];
  for (const price of PRICES) {
    thresholds = settle(table, sorted, thresholds, price);
    found.push(applyThresholds(table, thresholds));
  }
  found.push(lastAlone(table));
  return undominated(found);
}

/**
 * How many standard errors of the paired difference a drop stays below what is allowed. Few samples tell little of a drop,
 * and thresholds are the cheapest of many on them, which flatters the drop, too; among many samples it is next to nothing.
 * (Breiman et al. 1984 choose trees by this rule.)
 */
export const CARE = 1;

/** The drop that thresholds keep within where another one is allowed, which so few samples may not be able to show. */
export function limitOf(maxDrop: number, samples: number): number {
  return Math.max(maxDrop, leastLimit(samples, CARE));
}

/** True where thresholds reach a goal, as far as the samples can tell (`CARE`). */
const reaches = ({ gained, lost, cost }: Policy, goal: Goal, samples: number): boolean =>
  'maxDrop' in goal
    ? isWithin({ samples, gained, lost }, limitOf(goal.maxDrop, samples), CARE)
    : cost <= goal.maxCost + ROUNDING;

/** What thresholds are worth, by a goal: any that reach it more than others. @param samples that they were applied to */
export function worthOf(policy: Policy, goal: Goal, samples: number): number {
  const { cost, accuracy } = policy;
  const [gain, missed] = 'maxDrop' in goal ? [-cost, accuracy] : [accuracy, -cost];
  return reaches(policy, goal, samples) ? gain : missed - UNREACHED;
}

/** More than any difference of costs or accuracies. */
const UNREACHED = 1e3;

/**
 * The policy that comes nearest to a goal: the cheapest that loses no more than is allowed as far as the samples can tell
 * (`CARE`), or the most accurate that costs no more. The last exit alone where no other does.
 */
export function bestPolicy(table: ExitTable, goal: Goal): Policy {
  const policies = frontier(table);
  const { size: samples } = table;
  const fits = (policy: Policy) => reaches(policy, goal, samples);
  if ('maxCost' in goal) {
    const dearer = policies.find((policy) => !fits(policy));
    const within = [...policies.filter(fits), ...(dearer ? cheapen(table, dearer, fits) : [])];
    return within.reduce((a, b) => (b.accuracy > a.accuracy ? b : a), policies[0]!);
  }
  const start = policies.find(fits) ?? lastAlone(table);
  return widen(table, start, fits);
}

/** Raises thresholds as far as a goal allows, one after the other. */
function widen(table: ExitTable, start: Policy, fits: (policy: Policy) => boolean): Policy {
  let best = start;
  for (const exit of table.unsure.keys()) {
    const candidates = cutsAbove(table.unsure[exit]!, table.size, best.thresholds[exit]!);
    let [low, high] = [0, candidates.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const policy = applyThresholds(table, best.thresholds.with(exit, candidates[middle]!));
      if (fits(policy) && policy.cost <= best.cost) {
        best = policy;
        low = middle + 1;
      } else high = middle;
    }
  }
  return best;
}

/** Raises one threshold just as far as it takes to reach a goal: a policy for each exit by which it can be reached. */
function cheapen(table: ExitTable, start: Policy, fits: (policy: Policy) => boolean): Policy[] {
  return [...table.unsure.keys()].flatMap((exit) => {
    const candidates = cutsAbove(table.unsure[exit]!, table.size, start.thresholds[exit]!);
    const policyAt = (place: number) => applyThresholds(table, start.thresholds.with(exit, candidates[place]!));
    let [low, high] = [0, candidates.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (fits(policyAt(middle))) high = middle;
      else low = middle + 1;
    }
    return low < candidates.length ? [policyAt(low)] : [];
  });
}

function undominated(policies: readonly Policy[]): Policy[] {
  const sorted = [...policies].sort((a, b) => a.cost - b.cost || b.accuracy - a.accuracy);
  const kept: Policy[] = [];
  for (const policy of sorted) if (policy.accuracy > (kept.at(-1)?.accuracy ?? -1)) kept.push(policy);
  return kept;
}

function settle(table: ExitTable, sorted: readonly Uint32Array[], start: readonly number[], price: number): number[] {
  let thresholds = [...start];
  for (let turn = 0; turn < 10; turn++) {
    const before = thresholds;
    for (let exit = thresholds.length - 1; exit >= 0; exit--)
      thresholds = thresholds.with(exit, bestThreshold(table, sorted[exit]!, thresholds, exit, price));
    if (thresholds.every((threshold, exit) => threshold === before[exit])) break;
  }
  return thresholds;
}

/** The threshold of one exit at which cost plus price is least while the others stay. */
function bestThreshold(
  { unsure, wrong, costs }: ExitTable,
  order: Uint32Array,
  thresholds: readonly number[],
  exit: number,
  price: number,
): number {
  const others = thresholds.with(exit, 0);
  const own = unsure[exit]!;
  let [sum, least, place] = [0, 0, 0];
  for (let k = 0; k < order.length; k++) {
    const sample = order[k]!;
    const other = exitOf({ unsure }, others, sample);
    if (other > exit) sum += price * (wrong[exit]![sample]! - wrong[other]![sample]!) + costs[exit]! - costs[other]!;
    const isCut = k + 1 === order.length || own[order[k + 1]!]! > own[sample]!;
    if (isCut && sum < least) [least, place] = [sum, k + 1];
  }
  if (place === 0) return 0;
  return place === order.length ? 1 : between(own[order[place - 1]!]!, own[order[place]!]!);
}

/** A float32 number above the first and not above the second, as far from both as can be. */
function between(below: number, above: number): number {
  const middle = Math.fround((below + above) / 2);
  return middle > below ? middle : above;
}

function orderOf(unsure: ArrayLike<number>, size: number): Uint32Array {
  return Uint32Array.from({ length: size }, (_, k) => k).sort((a, b) => unsure[a]! - unsure[b]!);
}

/** Thresholds between neighbouring uncertainties from some value on, and 1. */
function cutsAbove(unsure: ArrayLike<number>, size: number, least: number): number[] {
  const values = Float64Array.from({ length: size }, (_, k) => unsure[k]!).sort();
  const cuts: number[] = [];
  for (let k = 1; k < size; k++)
    if (values[k]! > values[k - 1]! && values[k - 1]! >= least) cuts.push(between(values[k - 1]!, values[k]!));
  return [...cuts, 1];
}
