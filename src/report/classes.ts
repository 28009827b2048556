import type { Metrics, Report } from './schema.js';
import { pairOf } from './summary.js';

/** Recall, precision and F1 of one class, as fractions; absent where the report lacks them. */
export type ClassScores = Partial<Record<'recall' | 'precision' | 'f1', number>>;

/** How well the models know one class. */
export interface ClassRow {
  class: string;
  /** Samples of the class. */
  support: number;
  before: ClassScores;
  /** Of the compressed model, where there is one. */
  after?: ClassScores | undefined;
}

/** One row per class, in the order of the classes; none without metrics. */
export function classRows(report: Report): ClassRow[] {
  const [before, after] = pairOf(report).map(({ metrics }) => metrics);
  const first = before ?? after;
  if (!first) return [];
  return first.recall.perClass.map(({ class: name, support }, index) => ({
    class: name,
    support,
    before: scoresOf(first, index),
    after: before && after ? scoresOf(after, index) : undefined,
  }));
}

/** How much a row's score changed, as a fraction: negative where it became worse; undefined where one is absent. */
export function changeOf({ before, after }: ClassRow, score: keyof ClassScores = 'recall'): number | undefined {
  const [from, to] = [before[score], after?.[score]];
  return from === undefined || to === undefined ? undefined : to - from;
}

function scoresOf({ recall, precision, f1 }: Metrics, index: number): ClassScores {
  const of = ({ perClass }: Metrics['recall']) => perClass[index]?.value as number;
  return { recall: of(recall), precision: of(precision), f1: of(f1) };
}
