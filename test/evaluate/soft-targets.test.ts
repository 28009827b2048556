import { describe, expect, it } from 'vitest';
import { classesOf, logitsFrom, meanSoftened } from '../../src/evaluate/soft-targets.js';

const softmax = (row: readonly number[], temperature: number) => {
  const powers = row.map((z) => Math.exp(z / temperature));
  return powers.map((power) => power / powers.reduce((a, b) => a + b));
};

const expectClose = (actual: ArrayLike<number>, expected: readonly number[]) => {
  for (const [k, value] of expected.entries()) expect(actual[k]).toBeCloseTo(value, 4);
};

describe('logitsFrom', () => {
  it('leaves logits, and takes logarithms of probabilities', () => {
    const scores = Float32Array.of(0.25, 0.75, 0);
    expect(logitsFrom(scores, 'logits', 'single-label')).toBe(scores);
    expectClose(logitsFrom(scores, 'probabilities', 'single-label'), [Math.log(0.25), Math.log(0.75), -87.3365]);
    expectClose(logitsFrom(scores, 'probabilities', 'multi-label'), [-Math.log(3), Math.log(3)]);
  });

  it('gives back what a softmax has made small', () => {
    const probabilities = Float32Array.of(1 / (1 + Math.exp(-40)), Math.exp(-40) / (1 + Math.exp(-40)));
    expectClose(logitsFrom(probabilities, 'probabilities', 'single-label'), [0, -40]);
    expectClose(logitsFrom(probabilities, 'probabilities', 'multi-label'), [Math.log(1e7), -40]);
  });
});

describe('meanSoftened', () => {
  it('gives logits whose softened probabilities are the mean of the others', () => {
    const rows = [
      [2, 0, -1],
      [-3, 1, 4],
    ] as const;
    const mean = meanSoftened([Float32Array.from(rows[0]), Float32Array.from(rows[1])], 3, 'single-label', 4);
    const expected = [0, 1, 2].map((k) => (softmax(rows[0], 4)[k]! + softmax(rows[1], 4)[k]!) / 2);
    expectClose(softmax([...mean], 4), expected);
  });

  it('does so for each label alone, where there may be several', () => {
    const mean = meanSoftened([Float32Array.of(0, 2), Float32Array.of(0, -2)], 2, 'multi-label', 1);
    expectClose(mean, [0, 0]);
  });

  it('leaves the logits of one teacher', () => {
    expect([...meanSoftened([Float32Array.of(5, 6)], 2, 'single-label', 3)]).toEqual([5, 6]);
  });
});

describe('classesOf', () => {
  it('tells the classes that a row stands for', () => {
    const row = Float32Array.of(-1, 3, 2);
    expect(classesOf(row, 'single-label')).toBe(1);
    expect(classesOf(row, 'multi-label')).toEqual([1, 2]);
    expect([classesOf(Float32Array.of(-1), 'binary'), classesOf(Float32Array.of(1), 'binary')]).toEqual([0, 1]);
  });
});
