import type { ClassificationAccumulator } from '../evaluate/classification.js';
import type { ExitRecords } from '../evaluate/exits.js';
import { sortedPercentile } from '../evaluate/statistics.js';
import {
  accuracyBefore,
  applyThresholds,
  CARE,
  type ExitTable,
  exitOf,
  type Goal,
  limitOf,
  type Policy,
} from '../evaluate/thresholds.js';
import { formatFixed, formatPercent, formatPlain } from '../report/format.js';
import type { Report } from '../report/schema.js';
import type { Chosen } from './adapt-thresholds.js';

type Adaptive = NonNullable<Report['adaptive']>;

/** What samples cost and where they leave. */
export interface Spent {
  /** Mean cost of a sample, as a share of the original's. */
  cost: number;
  /** Accuracy of the original, and what of it is lost. */
  before: number;
  drop: number;
  report: Adaptive;
}

/** The report of a model whose cost depends on the input, on samples that were run through all of its exits. */
export function adaptiveReport({ model, measure, thresholds, dropped, on }: Chosen, records: ExitRecords): Spent {
  const table = records.table(measure);
  const policy = applyThresholds(table, thresholds);
  const left = Array.from({ length: table.size }, (_, sample) => exitOf(table, thresholds, sample));
  const exits = model.exits.map(({ name, after, temperature }, k) => ({
    name,
    ...(after !== undefined && { after }),
    threshold: thresholds[k] ?? 1,
    share: policy.shares[k]!,
    accuracy: accuracyOf(table, k, (sample) => left[sample] === k),
    alone: accuracyOf(table, k, () => true),
    macs: model.costs[k]!,
    ...(k < thresholds.length && { temperature }),
    classes: classShares(records.exits[k]!, left, k),
  }));
  const before = accuracyBefore(table);
  return {
    cost: policy.cost,
    before,
    drop: before - policy.accuracy,
    report: {
      macsRatio: 1 / Math.max(policy.cost, Number.EPSILON),
      exits,
      curve: curveOf(table, policy, on?.candidates),
      measure,
      ...(model.original && { original: before }),
      ...(dropped.length && { dropped }),
      ...(on && {
        chosenOn: { path: on.path, samples: on.samples, drop: on.drop.value, high: on.drop.high, macs: on.policy.cost },
      }),
    },
  };
}

/** Share of right answers of an exit among some samples; 0 where there are none. */
function accuracyOf({ wrong, size }: ExitTable, exit: number, isMeant: (sample: number) => boolean): number {
  let [count, right] = [0, 0];
  for (let sample = 0; sample < size; sample++) {
    if (!isMeant(sample)) continue;
    count++;
    right += 1 - wrong[exit]![sample]!;
  }
  return count ? right / count : 0;
}

/** Which share of each class leaves at an exit. @param left the exit of each sample */
export function classShares(
  { classes, predictions }: ClassificationAccumulator,
  left: readonly number[],
  exit: number,
): { class: string; share: number }[] {
  const [all, here] = [classes.map(() => 0), classes.map(() => 0)];
  for (const [sample, at] of left.entries())
    for (const target of predictions.targetClasses(sample)) {
      all[target]!++;
      here[target]! += Number(at === exit);
    }
  return classes.flatMap((name, k) => (all[k] ? [{ class: name, share: here[k]! / all[k]! }] : []));
}

/** Thresholds that are shown where none were looked for. */
const STEPS = 20;

/** Cost and accuracy of thresholds that were found elsewhere, on these samples, with the one that was taken. */
function curveOf(table: ExitTable, taken: Policy, candidates: readonly Policy[] | undefined): Adaptive['curve'] {
  const tried = candidates?.map(({ thresholds }) => thresholds) ?? equalThresholds(table);
  const points = [taken, ...tried.map((thresholds) => applyThresholds(table, thresholds))];
  const byCost = new Map(points.map(({ cost, accuracy }) => [cost, { macs: cost, accuracy }]));
  return [...byCost.values()].sort((a, b) => a.macs - b.macs);
}

/** The same threshold for all exits, from one that lets none leave to one that lets all: labels have no part in it. */
function equalThresholds({ unsure }: ExitTable): number[][] {
  const sorted = Float64Array.from(unsure.flatMap((own) => Array.from(own))).sort();
  const levels = Array.from({ length: STEPS - 1 }, (_, k) => sortedPercentile(sorted, (k + 1) / STEPS));
  return [0, ...levels, 1].map((level) => unsure.map(() => level));
}

/** Says so where samples are too few to show that no more is lost than is allowed. */
export function scarceWarnings({ on }: Chosen, goal: Goal): string[] {
  if (!on || !('maxDrop' in goal) || limitOf(goal.maxDrop, on.samples) <= goal.maxDrop) return [];
  const enough = Math.ceil(CARE ** 2 * (1 / goal.maxDrop - 1));
  const mend = Number.isFinite(enough) ? `; name at least ${formatFixed(enough)} with --validation` : '';
  return [
    `${formatFixed(on.samples)} samples cannot show that at most ${formatPlain(Number((100 * goal.maxDrop).toFixed(2)))} points ` +
      `are lost: thresholds are those that changed least there${mend}`,
  ];
}

/** Says so where more is lost on test data than is wanted, which was not so where thresholds were chosen. */
export function driftWarnings({ on }: Chosen, { drop, before }: Spent, goal: Goal): string[] {
  if (!on || !('maxDrop' in goal) || drop <= goal.maxDrop + 1e-9) return [];
  const isKnown = on.before - before > KNOWN;
  const why = isKnown
    ? `the model knows those samples, being right about ${formatPercent(on.before)} of them and ${formatPercent(before)} of the ` +
      'test data; name data that it has not learnt from with --validation'
    : `${formatFixed(on.samples)} samples tell little, or are of another kind; name more with --validation`;
  return [
    `${formatPlain(Number((100 * drop).toFixed(2)))} points were lost on the test data, more than where thresholds were chosen: ${why}`,
  ];
}

/** How much better a model is on samples that it has learnt from than on others, at least. */
const KNOWN = 0.01;
