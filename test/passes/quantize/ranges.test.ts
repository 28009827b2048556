import { describe, expect, it } from 'vitest';
import type { ValueStatistics } from '../../../src/passes/quantize/calibrate.js';
import { BINS } from '../../../src/passes/quantize/histogram.js';
import { chooseRange } from '../../../src/passes/quantize/ranges.js';

/** Statistics over [low, high] with counts as a function of the place of each bin's middle. */
function statistics(low: number, high: number, count: (x: number) => number): ValueStatistics {
  const width = (high - low) / BINS;
  const counts = Float64Array.from({ length: BINS }, (_, bin) => count(low + (bin + 0.5) * width));
  return { low, high, histogram: { first: low, width, counts } };
}

const bell = (x: number) => Math.round(1e5 * Math.exp((-x * x) / 2));
/** A bell with one value far away. */
const withOutlier = statistics(-4, 100, (x) => (x > 99.97 ? 1 : Math.abs(x) < 4 ? bell(x) : 0));

describe('chooseRange', () => {
  it('takes the extremes as they are for minmax, and where there is no histogram', () => {
    expect(chooseRange(withOutlier, 'minmax')).toEqual({ low: -4, high: 100 });
    expect(chooseRange({ low: 1, high: 3 }, 'entropy')).toEqual({ low: 1, high: 3 });
  });

  it('cuts equal shares at both ends for percentile', () => {
    const even = statistics(0, 2048, () => 100);
    expect(chooseRange(even, 'percentile')).toEqual({ low: 0, high: 2048 });
    // 0.0001 of all values lie outside, half of them at each end: 1024 of 20,480,000.
    const tails = statistics(0, 2048, (x) => (x < 1 || x > 2047 ? 1000 : 10_000));
    expect(chooseRange(tails, 'percentile')).toEqual({ low: 1, high: 2047 });
  });

  it('leaves out an outlier for mse and entropy, and only for them', () => {
    for (const method of ['mse', 'entropy'] as const) {
      const { low, high } = chooseRange(withOutlier, method);
      expect(low).toBeLessThan(-3);
      expect(low).toBeGreaterThanOrEqual(-4);
      expect(high).toBeGreaterThan(2.5);
      expect(high).toBeLessThan(method === 'mse' ? 60 : 10);
    }
  });

  it('keeps the range of a bell without outliers', () => {
    for (const method of ['mse', 'entropy'] as const) {
      const { low, high } = chooseRange(statistics(-4, 4, bell), method);
      expect(-low).toBeGreaterThan(3.4);
      expect(high).toBeGreaterThan(3.4);
    }
  });

  it('is not misled by the zeros that Relu makes', () => {
    const half = statistics(0, 4, (x) => (x < 4 / BINS ? 1e8 : bell(x)));
    for (const method of ['mse', 'entropy'] as const) expect(chooseRange(half, method).high).toBeGreaterThan(3.4);
  });
});
