import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClassificationAccumulator, type ScoreOptions, type Target } from '../../src/evaluate/classification.js';
import { outputKindOf } from '../../src/evaluate/loss.js';
import type { Task } from '../../src/evaluate/predictions.js';
import type { Averages } from '../../src/evaluate/scores.js';

interface Average {
  macro: number;
  micro: number;
  weighted: number;
  perClass: number[];
}

interface Case extends ScoreOptions {
  name: string;
  task: Task;
  classes: number;
  scores: number[];
  targets: Target[];
  expected: { accuracy: number; loss: number; confusion: unknown } & Record<'recall' | 'precision' | 'f1', Average> &
    Partial<Record<'top5' | 'labelAccuracy', number>>;
}

const cases: Case[] = JSON.parse(readFileSync(new URL('./recorded/reference.json', import.meta.url), 'utf8'));

const names = (count: number) => Array.from({ length: count }, (_, index) => `class ${index}`);

function metricsOf(
  classes: number,
  task: Task,
  scores: number[],
  targets: Target[],
  options: Partial<ScoreOptions> = {},
) {
  const accumulator = new ClassificationAccumulator(names(classes), task, { outputKind: 'logits', ...options });
  const width = scores.length / targets.length;
  for (let start = 0; start < targets.length; start += 7) {
    const rows = Float32Array.from(scores.slice(start * width, (start + 7) * width));
    accumulator.add(rows, targets.slice(start, start + 7));
  }
  return accumulator.result();
}

describe("scikit-learn's metrics", () => {
  it.each(cases)('$task: $name', ({ task, classes, scores, targets, expected, outputKind, threshold }) => {
    const metrics = metricsOf(classes, task, scores, targets, { outputKind, threshold });
    const near = (given: number | undefined, right: number) => expect(Math.abs(given! - right)).toBeLessThan(1e-12);
    near(metrics.accuracy, expected.accuracy);
    near(metrics.loss! / expected.loss, 1);
    expect(metrics.confusion).toEqual(expected.confusion);
    expect(metrics.top5 === undefined).toBe(expected.top5 === undefined);
    if (expected.top5 !== undefined) near(metrics.top5, expected.top5);
    expect(metrics.labelAccuracy === undefined).toBe(expected.labelAccuracy === undefined);
    if (expected.labelAccuracy !== undefined) near(metrics.labelAccuracy, expected.labelAccuracy);
    for (const metric of ['recall', 'precision', 'f1'] as const) {
      for (const average of ['macro', 'micro', 'weighted'] as const)
        near(metrics[metric][average], expected[metric][average]);
      for (const [index, { value }] of metrics[metric].perClass.entries())
        near(value, expected[metric].perClass[index]!);
    }
  });
});

describe('ClassificationAccumulator', () => {
  it('names classes and counts their samples', () => {
    const { recall, confusion } = metricsOf(2, 'single-label', [3, 0, 2, 1, 0, 1], [0, 1, 1]);
    expect(recall.perClass).toEqual([
      { class: 'class 0', value: 1, support: 1 },
      { class: 'class 1', value: 0.5, support: 2 },
    ]);
    expect(confusion).toEqual([
      [1, 0],
      [1, 1],
    ]);
  });

  it('leaves samples without a label out of the metrics, but records their predictions', () => {
    const accumulator = new ClassificationAccumulator(names(2), 'single-label', { outputKind: 'logits' });
    accumulator.add(Float32Array.of(1, 0, 0, 1), [0, undefined]);
    expect(accumulator.result()).toMatchObject({ samples: 1, accuracy: 1 });
    expect(accumulator.predictions.predictedClasses(1)).toEqual([1]);
    expect(accumulator.predictions.targetClasses(1)).toEqual([]);
  });

  it('makes no confusion matrix of more than 1,000 classes', () => {
    const scores = new Array<number>(1001).fill(0);
    expect(metricsOf(1001, 'single-label', scores, [0])).not.toHaveProperty('confusion');
    expect(metricsOf(1000, 'single-label', scores.slice(1), [0])).toHaveProperty('confusion');
  });

  it('takes masked classes (−∞), with no loss where the right one is masked', () => {
    const masked = [Number.NEGATIVE_INFINITY, 0];
    expect(metricsOf(2, 'single-label', masked, [1])).toMatchObject({ accuracy: 1, loss: 0 });
    expect(metricsOf(2, 'single-label', masked, [0])).not.toHaveProperty('loss');
  });

  it.each([
    ['NaN', [1, 0, Number.NaN, 0], [0, 1], /NaN or infinite scores for 1 of 2 samples, first for sample 1/],
    ['infinity', [1, Number.POSITIVE_INFINITY], [0], /NaN or infinite scores for 1 of 1/],
    ['another width', [1, 0, 2], [0], /gives 3 scores for 1 samples, not 2 each; name the output/],
    ['a label that is no class', [1, 0], [2], /^sample 0: label 2 is none of the 2 classes; labels are 0 to 1$/],
    ['a broken label', [1, 0], [0.5], /label 0.5 is none/],
    ['two labels', [1, 0], [[0, 1]], /^sample 0: has 2 labels, but the task is single-label/],
    ['no label at all', [1, 0], [undefined], /no sample has a label/],
  ])('refuses %s', (_, scores, targets, message) => {
    const accumulator = new ClassificationAccumulator(names(2), 'single-label', { outputKind: 'logits' });
    const evaluate = () => {
      accumulator.add(Float32Array.from(scores), targets);
      accumulator.result();
    };
    expect(evaluate).toThrow(message);
  });

  const samples = fc.integer({ min: 2, max: 70 }).chain((classes) =>
    fc.array(
      fc.record({
        scores: fc.array(fc.integer({ min: -8, max: 8 }), { minLength: classes, maxLength: classes }),
        target: fc.nat({ max: classes - 1 }),
      }),
      { minLength: 1, maxLength: 40 },
    ),
  );

  it('keeps what always holds for one label', () => {
    fc.assert(
      fc.property(samples, (rows) => {
        const classes = rows[0]!.scores.length;
        const scores = rows.flatMap((row) => row.scores);
        const { accuracy, recall, precision, f1, confusion, top5, loss } = metricsOf(
          classes,
          'single-label',
          scores,
          rows.map((row) => row.target),
        );
        expect(recall.micro).toBeCloseTo(accuracy, 12);
        expect(precision.micro).toBeCloseTo(accuracy, 12);
        expect(f1.micro).toBeCloseTo(accuracy, 12);
        expect(recall.weighted).toBeCloseTo(accuracy, 12);
        expect((confusion as number[][]).flat().reduce((sum, count) => sum + count)).toBe(rows.length);
        for (const value of [recall.macro, precision.macro, f1.macro, f1.weighted, top5 ?? 0])
          expect(value >= 0 && value <= 1 + 1e-12).toBe(true);
        expect(loss).toBeGreaterThan(0);
      }),
    );
  });

  it('is the same for one label seen as a set of one, but for the loss and macro averages over unseen classes', () => {
    const withoutMacro = ({ macro: _, ...rest }: Averages) => rest;
    fc.assert(
      fc.property(samples, (rows) => {
        const classes = rows[0]!.scores.length;
        const single = rows.map(({ scores }) => {
          const best = scores.indexOf(Math.max(...scores));
          return scores.map((_, index) => (index === best ? 1 : -1));
        });
        const targets = rows.map((row) => row.target);
        const one = metricsOf(classes, 'single-label', single.flat(), targets);
        const set = metricsOf(classes, 'multi-label', single.flat(), targets);
        expect(set.accuracy).toBe(one.accuracy);
        for (const metric of ['recall', 'precision', 'f1'] as const)
          expect(withoutMacro(set[metric])).toEqual(withoutMacro(one[metric]));
      }),
    );
  });
});

describe('outputKindOf', () => {
  it.each([
    [[0.2, 0.8, 1, 0], 2, 'single-label', 'probabilities'],
    [[0.2, 0.8, 1, 0.5], 2, 'single-label', 'logits'],
    [[0.2, 0.8, 1.5, -0.5], 2, 'single-label', 'logits'],
    [[0.502, 0.494, 0.998, 0.004], 2, 'single-label', 'probabilities'],
    [[0.2, 0.9, 0.7], 3, 'multi-label', 'probabilities'],
    [[0.2, 0.9, -0.1], 3, 'multi-label', 'logits'],
    [[0.2, 0.9], 1, 'binary', 'probabilities'],
    [[0.2, Number.NaN], 1, 'binary', 'logits'],
    [[], 1, 'binary', 'logits'],
  ] as const)('of %j, %i wide, %s: %s', (scores, width, task, kind) => {
    expect(outputKindOf(Float32Array.from(scores), width, task)).toBe(kind);
  });
});
