import type { Range } from './integers.js';

/** How often values lie in bins of equal width, one of which begins at zero. */
export interface Histogram {
  /** Where the first bin begins. */
  first: number;
  width: number;
  counts: Float64Array;
}

/** Bins that a histogram has at least, where values are not far from zero and close together. */
export const BINS = 2048;

/** Cells that values are counted in: half of them below zero. */
export const CELLS = 8 * 1024;
const ZERO = CELLS / 2;

/**
 * Counts of values in cells as wide as a power of two, fine ones at first, wider ones once larger values come. Zero is the
 * edge of a cell at every width, and two cells make one of the next width, so that counts added in any order give the same.
 */
export class CellCounts {
  private counts: Float64Array = new Float64Array(CELLS);
  private exponent = Number.NEGATIVE_INFINITY;

  /** @param exponent of the width of the cells that were counted in. */
  add(counts: ArrayLike<number>, exponent: number): void {
    if (exponent > this.exponent) {
      this.counts = coarser(this.counts, exponent - this.exponent, new Float64Array(CELLS));
      this.exponent = exponent;
    }
    coarser(counts, this.exponent - exponent, this.counts);
  }

  /** The counts from the lowest value to the highest, in about as many bins as are wanted. */
  histogram({ low, high }: Range): Histogram {
    const cell = 2 ** this.exponent;
    const [from, to] = [Math.floor(low / cell), Math.floor(high / cell)];
    const size = Math.max(1, Math.floor((to - from + 1) / BINS));
    const [first, last] = [Math.floor(from / size), Math.floor(to / size)];
    const counts = new Float64Array(last - first + 1);
    for (let place = 0; place < CELLS; place++) {
      if (!this.counts[place]) continue;
      // What rounding put over the edge belongs to the outermost bin.
      const bin = Math.min(last, Math.max(first, Math.floor((place - ZERO) / size)));
      counts[bin - first]! += this.counts[place]!;
    }
    return { first: first * size * cell, width: size * cell, counts };
  }
}

/** Adds counts to those in cells that are wider by a power of two. */
function coarser(counts: ArrayLike<number>, exponent: number, into: Float64Array): Float64Array {
  const shift = Math.min(exponent, 31);
  for (let place = 0; place < CELLS; place++)
    if (counts[place]) into[ZERO + ((place - ZERO) >> shift)]! += counts[place]!;
  return into;
}
