import { sumOf } from '../../group.js';

/** How many elements of an ascending list are below a value, or not above it. */
export function countBelow(sorted: Float32Array, value: number, orEqual: boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value || (orEqual && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

const scratch = new DataView(new ArrayBuffer(4));

/** Floats from zero on are ordered as their bits are. */
function floatOfBits(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

const INFINITY_BITS = 0x7f800000;

/**
 * The least value such that as many elements of ascending lists are not above it as are wanted, where each list counts up
 * to a limit of its own.
 */
export function thresholdOf(lists: readonly Float32Array[], limits: readonly number[], wanted: number): number {
  let [low, high] = [0, INFINITY_BITS];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const value = floatOfBits(middle);
    if (sumOf(lists.keys(), (k) => Math.min(limits[k]!, countBelow(lists[k]!, value, true))) < wanted) low = middle + 1;
    else high = middle;
  }
  return floatOfBits(low);
}

/**
 * The score of each magnitude of an ascending list: its square as a share of the squares of those that are as large or
 * larger (Lee et al. 2021, "Layer-adaptive sparsity for the magnitude-based pruning").
 */
export function lampScores(sorted: Float32Array): Float32Array {
  const scores = new Float32Array(sorted.length);
  let rest = 0;
  for (let k = sorted.length - 1; k >= 0; k--) {
    const square = sorted[k]! ** 2;
    rest += square;
    scores[k] = rest && square / rest;
  }
  return scores;
}
