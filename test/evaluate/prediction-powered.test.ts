import { describe, expect, it } from 'vitest';
import { predictionPoweredAccuracy } from '../../src/evaluate/prediction-powered.js';
import { seededRandom } from '../../src/random.js';

describe('predictionPoweredAccuracy', () => {
  it('is the plain accuracy where all samples have a label, and the agreement with the stand-in where none has', () => {
    expect(
      predictionPoweredAccuracy({
        labelled: [
          [1, 0],
          [0, 0],
          [1, 1],
          [1, 1],
        ],
        unlabelled: [],
      }),
    ).toBe(0.75);
    expect(predictionPoweredAccuracy({ labelled: [], unlabelled: [1, 0, 0, 0] })).toBe(0.25);
  });

  it('moves the accuracy as far as a stand-in that is always right says', () => {
    const labelled: [number, number][] = [
      [1, 1],
      [0, 0],
    ];
    // Trust is n / (n + labelled): 0.5 + 0.75 * (1 - 0.5).
    expect(predictionPoweredAccuracy({ labelled, unlabelled: [1, 1, 1, 1, 1, 1] })).toBeCloseTo(0.875, 10);
  });

  it('does not believe a stand-in that knows nothing of the labels', () => {
    const labelled: [number, number][] = [
      [1, 1],
      [1, 0],
      [0, 1],
      [0, 0],
    ];
    expect(predictionPoweredAccuracy({ labelled, unlabelled: [1, 1, 1, 1, 1, 1] })).toBe(0.5);
  });

  it('is nearer to the truth than the few labels alone, though the stand-in is biased', () => {
    const random = seededRandom(3);
    // A model that is right for 70 % of the samples; the stand-in is wrong for 10 % of the others' labels.
    const sample = (): [number, number] => {
      const right = Number(random() < 0.7);
      return [right, random() < 0.1 ? 0 : right];
    };
    const errors = Array.from({ length: 200 }, () => {
      const labelled = Array.from({ length: 40 }, sample);
      const unlabelled = Array.from({ length: 400 }, () => sample()[1]);
      const few = labelled.reduce((sum, [y]) => sum + y, 0) / 40;
      return [predictionPoweredAccuracy({ labelled, unlabelled }) - 0.7, few - 0.7] as const;
    });
    const mean = (k: 0 | 1) => errors.reduce((sum, one) => sum + one[k], 0) / errors.length;
    const square = (k: 0 | 1) => errors.reduce((sum, one) => sum + one[k] ** 2, 0) / errors.length;
    expect(Math.abs(mean(0))).toBeLessThan(0.01);
    expect(square(0)).toBeLessThan(0.5 * square(1));
  });
});
