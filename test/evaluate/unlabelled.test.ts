import { describe, expect, it } from 'vitest';
import { hasCollapsed, UnlabelledAccumulator } from '../../src/evaluate/unlabelled.js';

const figuresOf = (rows: number[], task: 'single-label' | 'multi-label' | 'binary', classes: number) => {
  const accumulator = new UnlabelledAccumulator(task, 'probabilities', classes);
  const predicted = accumulator.add(Float32Array.from(rows));
  return { ...accumulator.result(), of: predicted };
};

describe('UnlabelledAccumulator', () => {
  it('tells sure predictions of all classes from sure predictions of one', () => {
    const diverse = figuresOf([1, 0, 0, 1], 'single-label', 2);
    expect(diverse).toEqual({ entropy: 0, diversity: 1, predicted: [0.5, 0.5], of: [0, 1] });
    expect(figuresOf([0, 1, 0, 1], 'single-label', 2)).toMatchObject({ entropy: 0, diversity: 0, predicted: [0, 1] });
    const unsure = figuresOf([0.5, 0.5, 0.25, 0.75], 'single-label', 2);
    expect(unsure.entropy).toBeCloseTo((1 + 0.8112781) / 2, 6);
    expect(unsure.diversity).toBeCloseTo(0.954434, 6);
  });

  it('takes logits, and batches one after the other', () => {
    const accumulator = new UnlabelledAccumulator('single-label', 'logits', 3);
    accumulator.add(Float32Array.of(0, 0, 0));
    accumulator.add(Float32Array.of(50, 0, 0));
    expect(accumulator.result().entropy).toBeCloseTo(0.5, 6);
    expect(accumulator.result().predicted[0]).toBe(1);
  });

  it('takes one score for two classes, and labels one by one', () => {
    expect(figuresOf([0, 1, 1, 1], 'binary', 2)).toMatchObject({
      entropy: 0,
      predicted: [0.25, 0.75],
      of: [0, 1, 1, 1],
    });
    const labels = figuresOf([1, 0.5, 0, 0.5], 'multi-label', 2);
    expect(labels).toMatchObject({ entropy: 0.5, diversity: 1, predicted: [0.5, 0] });
  });
});

describe('hasCollapsed', () => {
  const of = (diversity: number) => ({ entropy: 0, diversity, predicted: [] });

  it('is where predictions are much less diverse than before, or are no numbers', () => {
    expect(hasCollapsed(of(0.9), of(0.8))).toBe(false);
    expect(hasCollapsed(of(0.9), of(0.6))).toBe(true);
    expect(hasCollapsed(of(0.9), of(Number.NaN))).toBe(true);
  });
});
