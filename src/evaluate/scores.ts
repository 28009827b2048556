import type { Predictions } from './predictions.js';

/** Decisions counted per class. */
export interface ClassCounts {
  /** Samples of the class that were predicted as it. */
  hits: Float64Array;
  /** Samples predicted as the class. */
  predicted: Float64Array;
  /** Samples of the class. */
  support: Float64Array;
  /** True where macro averages count classes that are neither in the data nor predicted (multi-label data). */
  everyClass: boolean;
}

/** A metric of one class, and how many samples it rests on. */
export interface ClassScore {
  class: string;
  /** 0…1. */
  value: number;
  /** Samples of the class. */
  support: number;
}

/** A metric per class and its averages, 0…1. */
export interface Averages {
  /** Mean over all classes, each counting alike. */
  macro: number;
  /** From the counts of all classes together. */
  micro: number;
  /** Mean over the classes weighted by support. */
  weighted: number;
  perClass: ClassScore[];
}

/** A ratio of class counts, `numerator / denominator`. */
interface CountRatio {
  numerator(hits: number): number;
  denominator(predicted: number, support: number): number;
}

const RATIOS = {
  recall: { numerator: (hits) => hits, denominator: (_, support) => support },
  precision: { numerator: (hits) => hits, denominator: (predicted) => predicted },
  f1: { numerator: (hits) => 2 * hits, denominator: (predicted, support) => predicted + support },
} as const satisfies Record<string, CountRatio>;

/** Metrics that follow from class counts. */
export type CountMetric = keyof typeof RATIOS;

/** Counts of zero. */
export function emptyCounts(classes: number, everyClass: boolean): ClassCounts {
  return {
    hits: new Float64Array(classes),
    predicted: new Float64Array(classes),
    support: new Float64Array(classes),
    everyClass,
  };
}

/** Adds one sample to the counts; samples without a label count for nothing. */
export function countSample(counts: ClassCounts, predictions: Predictions, sample: number): void {
  if (!predictions.isLabelled(sample)) return;
  const targets = predictions.targetClasses(sample);
  for (const index of targets) counts.support[index]!++;
  for (const index of predictions.predictedClasses(sample)) {
    counts.predicted[index]!++;
    if (targets.includes(index)) counts.hits[index]!++;
  }
}

/**
 * A metric per class and averaged, as scikit-learn's `precision_recall_fscore_support` with `zero_division=0`: a class
 * that is never predicted has precision 0, one without samples recall 0. The macro average is over the classes that
 * occur in the labels or the predictions; for multi-label data over all.
 */
export function averagesOf(metric: CountMetric, counts: ClassCounts, classes: readonly string[]): Averages {
  const values = classValues(metric, counts);
  const total = sum(counts.support);
  const { numerator, denominator } = RATIOS[metric];
  return {
    macro: ratio(sum(values), countedClasses(counts)),
    micro: ratio(numerator(sum(counts.hits)), denominator(sum(counts.predicted), total)),
    weighted: ratio(sum(values.map((value, index) => value * counts.support[index]!)), total),
    perClass: classes.map((name, index) => ({ class: name, value: values[index]!, support: counts.support[index]! })),
  };
}

/** The macro average alone. */
export function macroOf(metric: CountMetric, counts: ClassCounts): number {
  return ratio(sum(classValues(metric, counts)), countedClasses(counts));
}

/** How many classes a macro average is over; those that it leaves out have the value 0. */
function countedClasses({ support, predicted, everyClass }: ClassCounts): number {
  if (everyClass) return support.length;
  let count = 0;
  for (let index = 0; index < support.length; index++) if (support[index]! + predicted[index]! > 0) count++;
  return count;
}

function classValues(metric: CountMetric, { hits, predicted, support }: ClassCounts): Float64Array {
  const { numerator, denominator } = RATIOS[metric];
  return hits.map((hit, index) => ratio(numerator(hit), denominator(predicted[index]!, support[index]!)));
}

/**
 * Counts of samples by true class (row) and predicted class (column); for multi-label data one
 * `[[true negatives, false positives], [false negatives, true positives]]` per class.
 */
export function confusionOf(predictions: Predictions, counts: ClassCounts): number[][] | number[][][] {
  const { classes, task, size } = predictions;
  if (task === 'multi-label') return multilabelConfusion(counts, labelledCount(predictions));
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let sample = 0; sample < size; sample++) {
    const [target] = predictions.targetClasses(sample);
    if (target !== undefined) matrix[target]![predictions.predictedClasses(sample)[0]!]!++;
  }
  return matrix;
}

function multilabelConfusion({ hits, predicted, support }: ClassCounts, samples: number): number[][][] {
  return Array.from(hits, (hit, index) => {
    const wrong = predicted[index]! - hit;
    const missed = support[index]! - hit;
    return [
      [samples - hit - wrong - missed, wrong],
      [missed, hit],
    ];
  });
}

/** Number of samples with a label. */
export function labelledCount(predictions: Predictions): number {
  let count = 0;
  for (let sample = 0; sample < predictions.size; sample++) if (predictions.isLabelled(sample)) count++;
  return count;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Division where 0 by 0 is 0 (`zero_division=0`). */
function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
