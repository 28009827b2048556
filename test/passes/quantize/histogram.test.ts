import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BINS, CELLS, CellCounts } from '../../../src/passes/quantize/histogram.js';

/** Counts of values in cells of a width of 2 to the power of an exponent, as the runtime gives them. */
function cellsOf(values: readonly number[], exponent: number): Uint32Array {
  const counts = new Uint32Array(CELLS);
  for (const value of values) counts[Math.floor(value / 2 ** exponent) + CELLS / 2]!++;
  return counts;
}

/** The finest cells in which values are counted. */
const exponentOf = (values: readonly number[]) =>
  Math.floor(Math.log2(Math.max(1e-30, ...values.map(Math.abs)))) + 1 - Math.log2(CELLS / 2);

const batch = fc
  .tuple(
    fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 20 }),
    fc.integer({ min: -6, max: 6 }),
  )
  .map(([numbers, exponent]) => numbers.map((number) => number * 2 ** exponent));

describe('CellCounts', () => {
  it('counts every value in the bin that it lies in, whatever the order of the batches', () => {
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 4 }), (batches) => {
        const all = batches.flat();
        const range = { low: Math.min(...all), high: Math.max(...all) };
        const histogramOf = (order: readonly number[][]) => {
          const cells = new CellCounts();
          for (const values of order) cells.add(cellsOf(values, exponentOf(values)), exponentOf(values));
          return cells.histogram(range);
        };
        const { first, width, counts } = histogramOf(batches);
        expect(histogramOf([...batches].reverse())).toEqual({ first, width, counts });
        const expected = new Float64Array(counts.length);
        for (const value of all) expected[Math.floor((value - first) / width)]!++;
        expect(counts).toEqual(expected);
        expect(first % width).toBeCloseTo(0, 12); // zero is where a bin begins
      }),
      { numRuns: 30 },
    );
  });

  it('has at least the bins that are wanted for values on both sides of zero or on one', () => {
    for (const values of [
      [-1, 1],
      [0, 1],
      [0, 1.99],
      [-3, 0.5],
    ]) {
      const cells = new CellCounts();
      cells.add(cellsOf(values, exponentOf(values)), exponentOf(values));
      const { counts } = cells.histogram({ low: values[0]!, high: values[1]! });
      expect(counts.length).toBeGreaterThanOrEqual(BINS);
      expect(counts.length).toBeLessThan(2 * BINS + 2);
    }
  });
});
