import { describe, expect, it } from 'vitest';
import { learningRateFactor, type ScheduleName } from '../../src/training/schedules.js';

const factors = (name: ScheduleName, totalSteps: number, warmupSteps = 0, steps = totalSteps): number[] =>
  Array.from({ length: steps }, (_, step) => learningRateFactor({ name, warmupSteps, totalSteps }, step));

function expectClose(actual: number[], expected: number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [k, value] of expected.entries()) expect(actual[k]).toBeCloseTo(value, 6);
}

describe('learningRateFactor', () => {
  it('stays', () => expectClose(factors('constant', 3), [1, 1, 1]));

  it('falls along half a cosine', () =>
    expectClose(factors('cosine', 4), [1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2]));

  it('falls in a line', () => expectClose(factors('linear', 4), [1, 0.75, 0.5, 0.25]));

  it('falls to a tenth after each third', () =>
    expectClose(factors('step', 9), [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01]));

  it('rises for 30 % of one cycle, and falls to almost nothing', () => {
    const found = factors('one-cycle', 10, 0, 11);
    expectClose([found[0]!, found[3]!, found[10]!], [0.04, 1, 0.000004]);
    expect(found.indexOf(Math.max(...found))).toBe(3);
  });

  it('rises from 0 while it warms up, then the schedule begins', () => {
    expectClose(factors('linear', 6, 2), [1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25]);
    expectClose(factors('constant', 3, 3, 4), [0.25, 0.5, 0.75, 1]);
  });

  it('ends with the run: later steps keep the last factor', () => {
    expectClose(factors('linear', 2, 0, 4), [1, 0.5, 0, 0]);
    expectClose(factors('step', 3, 0, 5), [1, 0.1, 0.01, 0.01, 0.01]);
  });
});
