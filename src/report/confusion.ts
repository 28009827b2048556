import type { Metrics, Report } from './schema.js';
import { pairOf } from './summary.js';

/** Confusion matrices of the models on the same samples: rows are true classes, columns predicted ones. */
export interface Confusion {
  classes: string[];
  before: number[][];
  /** Of the compressed model, where there is one. */
  after?: number[][] | undefined;
}

/** Decisions on one class of multi-label data. */
export interface LabelConfusion {
  class: string;
  /** Samples without the class and with it (rows), by whether it was predicted (columns). */
  before: number[][];
  /** Of the compressed model, where there is one. */
  after?: number[][] | undefined;
}

/** A class taken for another. */
export interface ConfusedPair {
  target: string;
  predicted: string;
  before: number;
  after?: number | undefined;
}

/** The confusion matrices of a report; undefined where there are none, or one per class (multi-label data). */
export function confusionOf(report: Report): Confusion | undefined {
  const [before, after] = pairOf(report).map(({ metrics }) => metrics);
  const matrix = before && matrixOf(before);
  if (!matrix) return undefined;
  return {
    classes: before.recall.perClass.map((entry) => entry.class),
    before: matrix,
    after: after && matrixOf(after),
  };
}

/** A matrix for each class of multi-label data; undefined where there are none. */
export function labelConfusionsOf(report: Report): LabelConfusion[] | undefined {
  const [before, after] = pairOf(report).map(({ metrics }) => metrics);
  const matrices = before && labelMatrices(before);
  const others = after && labelMatrices(after);
  return matrices?.map((matrix, index) => ({
    class: before!.recall.perClass[index]?.class ?? '',
    before: matrix,
    after: others?.[index],
  }));
}

/** Pairs of classes that were confused at least once by a model, the most often confused first. */
export function confusedPairs({ classes, before, after }: Confusion, most: number): ConfusedPair[] {
  const pairs: (ConfusedPair & { worst: number })[] = [];
  for (const [row, counts] of before.entries())
    for (const [column, count] of counts.entries()) {
      const other = after?.[row]?.[column];
      const worst = Math.max(count, other ?? 0);
      if (row === column || worst === 0) continue;
      pairs.push({ target: classes[row] ?? '', predicted: classes[column] ?? '', before: count, after: other, worst });
    }
  return pairs
    .sort((a, b) => b.worst - a.worst || (b.after ?? 0) - (a.after ?? 0))
    .slice(0, most)
    .map(({ worst: _, ...pair }) => pair);
}

function matrixOf({ confusion = [] }: Metrics): number[][] | undefined {
  const isRow = (row: (number | number[])[]): row is number[] =>
    row.length === confusion.length && row.every((count) => typeof count === 'number');
  return confusion.length > 0 && confusion.every(isRow) ? confusion : undefined;
}

function labelMatrices({ confusion = [] }: Metrics): number[][][] | undefined {
  const isMatrix = (matrix: (number | number[])[]): matrix is number[][] =>
    matrix.length === 2 && matrix.every((row) => Array.isArray(row) && row.length === 2);
  return confusion.length > 0 && confusion.every(isMatrix) ? confusion : undefined;
}
