import { describe, expect, it } from 'vitest';
import { calibrateTemperature } from '../../src/evaluate/temperature.js';

/** Rows of two classes with one margin, of which a share has the class that leads. */
const sure = (margin: number, right: number, rows = 100) => ({
  logits: Float32Array.from({ length: 2 * rows }, (_, k) => (k % 2 ? 0 : margin)),
  targets: Array.from({ length: rows }, (_, row) => [row < right * rows ? 0 : 1]),
});

describe('calibrateTemperature', () => {
  it('makes the probability of a class the share in which it is right', () => {
    const { logits, targets } = sure(6, 0.9);
    expect(calibrateTemperature(logits, 2, targets, 'single-label')).toBeCloseTo(6 / Math.log(9), 2);
    const shy = sure(0.5, 0.9);
    expect(calibrateTemperature(shy.logits, 2, shy.targets, 'single-label')).toBeCloseTo(0.5 / Math.log(9), 3);
  });

  it('of one score, and of several labels', () => {
    const logits = Float32Array.from({ length: 100 }, () => 6);
    const targets = Array.from({ length: 100 }, (_, row) => [row < 90 ? 1 : 0]);
    expect(calibrateTemperature(logits, 1, targets, 'binary')).toBeCloseTo(6 / Math.log(9), 2);
    const labels = targets.map(([is]) => (is ? [0, 1] : []));
    const twice = Float32Array.from({ length: 200 }, () => 6);
    expect(calibrateTemperature(twice, 2, labels, 'multi-label')).toBeCloseTo(6 / Math.log(9), 2);
  });

  it('ends at a bound where a model is always right, or no better than chance', () => {
    const right = sure(6, 1);
    expect(calibrateTemperature(right.logits, 2, right.targets, 'single-label')).toBe(0.05);
    const wrong = sure(6, 0.3);
    expect(calibrateTemperature(wrong.logits, 2, wrong.targets, 'single-label')).toBe(20);
  });
});
