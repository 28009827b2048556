import { describe, expect, it } from 'vitest';
import { FidelityAccumulator, worstFidelity } from '../../src/evaluate/fidelity.js';
import { ratioInterval, summarizeLatency, typicalLatency } from '../../src/evaluate/ratio.js';
import { fairCoinCdf, normalCdf, normalQuantile, percentile } from '../../src/evaluate/statistics.js';
import { seededRandom } from '../../src/random.js';

describe('statistics', () => {
  it('knows the normal distribution', () => {
    expect(normalCdf(0)).toBe(0.5);
    expect(normalCdf(-3)).toBeCloseTo(0.0013498980316301, 14);
    expect(normalQuantile(0.95)).toBeCloseTo(1.959963984540054, 12);
    expect(normalQuantile(0.9999)).toBeCloseTo(3.890591886413, 9);
  });

  it('interpolates percentiles as numpy does', () => {
    expect([0, 0.5, 0.9, 1].map((share) => percentile([4, 1, 3, 2], share))).toEqual([1, 2.5, 3.7, 4]);
    expect(percentile([7], 0.9)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('sums up coin tosses', () => {
    for (const [heads, probability] of [
      [-1, 0],
      [0, 0.125],
      [1, 0.5],
      [2, 0.875],
      [3, 1],
    ] as const)
      expect(fairCoinCdf(heads, 3)).toBeCloseTo(probability, 14);
    expect(fairCoinCdf(4900, 10_000)).toBeCloseTo(0.023292763852473, 12);
  });
});

describe('latencies', () => {
  it('are summed up', () => {
    const { quantilesMs, ...summary } = summarizeLatency([2, 4, 3, 5, 1], 6);
    expect(summary).toEqual({ batch: 6, medianMs: 3, p90Ms: 4.6, throughput: 2000 });
    expect(quantilesMs).toHaveLength(21);
    expect([0, 5, 10, 19, 20].map((step) => quantilesMs[step])).toEqual([1, 2, 3, 4.8, 5]);
  });

  it('stand for a model by their median, by their mean where inputs differ', () => {
    expect(typicalLatency([1, 2, 9], false)).toBe(2);
    expect(typicalLatency([1, 2, 9], true)).toBe(4);
  });

  it('give a ratio with the order-statistic interval of its median', () => {
    // 95 % of 10 rounds: ranks 2 and 9 (Binomial(10, ½): P(at most 1) = .011, P(at most 2) = .055).
    expect(ratioInterval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], new Array(10).fill(2))).toEqual({
      value: 2.75,
      low: 1,
      high: 4.5,
    });
    expect(ratioInterval([2, 6, 4], [1, 2, 1])).toEqual({ value: 3, low: 2, high: 4 });
    expect(() => ratioInterval([1], [])).toThrow(/cannot pair/);
  });

  it('hold the true ratio about as often as they say, however skewed the latencies are', () => {
    const random = seededRandom(5);
    const skewed = () => 1 + 0.1 * random() + (random() < 0.1 ? 3 * random() : 0);
    let held = 0;
    for (let trial = 0; trial < 1000; trial++) {
      const rounds = Array.from({ length: 41 }, () => [skewed() * 2, skewed()] as const);
      const { low, high } = ratioInterval(
        rounds.map(([a]) => a),
        rounds.map(([, b]) => b),
      );
      if (low <= 2 && 2 <= high) held++;
    }
    // With 41 rounds the ranks give 97.25 % exactly; three standard deviations of 1,000 trials are 1.6 %.
    expect(held).toBeGreaterThanOrEqual(956);
    expect(held).toBeLessThanOrEqual(988);
  });
});

describe('FidelityAccumulator', () => {
  const accumulate = (reference: number[], values: number[], width?: number) => {
    const accumulator = new FidelityAccumulator('logits');
    accumulator.add(Float32Array.from(reference), Float32Array.from(values), width);
    return accumulator.result();
  };

  it('measures noise, angle, error and agreement', () => {
    const fidelity = accumulate([3, 4, 0, 0], [3, 3.5, 0, 0.5], 2);
    expect(fidelity.sqnrDb).toBeCloseTo(10 * Math.log10(25 / 0.5), 12);
    expect(fidelity.cosine).toBeCloseTo(23 / Math.sqrt(25 * 21.5), 12);
    expect(fidelity).toMatchObject({ maxAbsError: 0.5, agreement: 0.5 });
  });

  it('is the same batch by batch', () => {
    const accumulator = new FidelityAccumulator('logits');
    accumulator.add(Float32Array.of(3, 4), Float32Array.of(3, 3.5), 2);
    accumulator.add(Float32Array.of(0, 0), Float32Array.of(0, 0.5), 2);
    expect(accumulator.result()).toEqual(accumulate([3, 4, 0, 0], [3, 3.5, 0, 0.5], 2));
  });

  it('has no decibels where nothing differs or nothing is there', () => {
    expect(accumulate([1, 2], [1, 2])).toEqual({ cosine: 1, maxAbsError: 0 });
    expect(accumulate([0, 0], [0, 1])).toEqual({ cosine: 0, maxAbsError: 1 });
  });

  it('lets equal infinities pass, and nothing else that is not finite', () => {
    const { NEGATIVE_INFINITY: masked } = Number;
    expect(accumulate([1, masked], [1, masked])).toMatchObject({ cosine: 1 });
    expect(() => accumulate([1, 2], [1, Number.NaN])).toThrow(/^output 'logits': 1 of 2 values are NaN or infinite/);
    expect(() => accumulate([1, masked], [1, 2])).toThrow(/NaN or infinite/);
    expect(() => accumulate([Number.NaN], [Number.NaN])).toThrow(/NaN or infinite/);
    expect(() => accumulate([1], [1, 2])).toThrow(/has 2 values where the original has 1/);
    expect(() => accumulate([], [])).toThrow(/no values/);
  });

  it('takes the worst of several outputs', () => {
    const outputs = [
      { cosine: 1, maxAbsError: 0 },
      { sqnrDb: 30, cosine: 0.99, maxAbsError: 2, agreement: 0.9 },
    ];
    expect(worstFidelity(outputs)).toEqual(outputs[1]);
  });
});
