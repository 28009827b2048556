import { expect, it } from 'vitest';
import { resultSpeedWarnings, speedWarnings } from '../../src/commands/speed-warnings.js';
import type { ModelReport } from '../../src/report/schema.js';

const speedOf = (value: number, low = value - 0.01, high = value + 0.01) => ({ value, low, high });
const told = (speedup: ReturnType<typeof speedOf> | undefined, macsRatio?: number) =>
  speedWarnings({ speedup, macsRatio, than: 'the original' });

it('a model that is as fast as another of the same work is nothing to tell', () => {
  expect(told(undefined, 2.5)).toEqual([]);
  expect(told(speedOf(1.4), 2.5)).toEqual([]);
  expect(told(speedOf(0.98))).toEqual([]);
  expect(told(speedOf(0.9, 0.7, 1.1))).toEqual([]);
});

it('a slower model is told', () => {
  expect(told(speedOf(0.9))).toEqual(['slower than the original (0.90 times its speed)']);
  expect(speedWarnings({ speedup: speedOf(0.9), macsRatio: 1, than: 'the teacher', cause: 'small layers' })).toEqual([
    'slower than the teacher (0.90 times its speed): small layers',
  ]);
});

it('so is one that has fewer multiply-accumulates and gains nothing', () => {
  expect(told(speedOf(0.97), 2.5)).toEqual([
    'slower than the original (0.97 times its speed) with 2.50× fewer multiply-accumulates: here something else takes the time',
  ]);
  const subject = 'width 0.5';
  expect(speedWarnings({ speedup: speedOf(1.01, 0.98, 1.04), macsRatio: 3, than: 'the original', subject })).toEqual([
    'width 0.5 is no faster beyond chance than the original (1.01 times its speed) with 3.00× fewer multiply-accumulates: ' +
      'here something else takes the time',
  ]);
});

it('a result is told beside what its report compares it with', () => {
  const models = [
    { role: 'teacher', macs: 400 },
    { role: 'compressed', macs: 100 },
  ] as ModelReport[];
  const comparison = { sizeRatio: 2, speedup: speedOf(0.5) };
  expect(resultSpeedWarnings(models, comparison)).toEqual([
    'slower than the teacher (0.50 times its speed) with 4.00× fewer multiply-accumulates: here something else takes the time',
  ]);
  expect(resultSpeedWarnings(models, { sizeRatio: 2 })).toEqual([]);
});
