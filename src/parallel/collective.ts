import { sumOf } from '../group.js';

/** Consecutive parts of a vector, one per rank: part `r` begins at `bounds[r]` and ends before `bounds[r + 1]`. */
export type Bounds = readonly number[];

/**
 * What members of a group do together. Every member calls the same methods in the same order; sums are taken in the order
 * of the ranks, so that results do not depend on who is faster.
 */
export interface Collective {
  readonly rank: number;
  readonly size: number;
  /**
   * Sums the members' vectors; each member finds the sum in its own part, the rest is undefined.
   * @param values what is exchanged at the same time.
   */
  reduceScatter(data: Float32Array, bounds: Bounds, values?: readonly number[]): Promise<number[][]>;
  /** Gives every member each member's part. */
  allGather(data: Float32Array, bounds: Bounds): Promise<void>;
  /** Gives every member each member's few numbers, in the order of the ranks. */
  exchange(values: readonly number[]): Promise<number[][]>;
}

/** Splits a vector evenly among ranks. */
export function evenBounds(length: number, ranks: number): number[] {
  return Array.from({ length: ranks + 1 }, (_, rank) => Math.floor((length * rank) / ranks));
}

/** A group of one. */
export const alone: Collective = {
  rank: 0,
  size: 1,
  async reduceScatter(_data, _bounds, values = []) {
    return [[...values]];
  },
  async allGather() {},
  async exchange(values) {
    return [[...values]];
  },
};

/** Sums each of a few numbers over the members, in the order of the ranks. */
export async function allReduce(collective: Collective, values: readonly number[]): Promise<number[]> {
  const all = await collective.exchange(values);
  return values.map((_, k) => sumOf(all, (own) => own[k]!));
}

/** The sum of vectors of one length, in their order. `sum` may be one of them. */
export function sumInto(sum: Float32Array, parts: readonly Float32Array[]): void {
  const [first, ...others] = parts as [Float32Array, ...Float32Array[]];
  const [second] = others;
  if (second && others.length === 1) {
    addTwo(sum, first, second);
    return;
  }
  for (let k = 0; k < sum.length; k++) {
    let total = first[k]!;
    for (const part of others) total += part[k]!;
    sum[k] = total;
  }
}

/** Four elements at a time, which takes half as long. */
function addTwo(sum: Float32Array, a: Float32Array, b: Float32Array): void {
  const whole = sum.length & ~3;
  for (let k = 0; k < whole; k += 4) {
    sum[k] = a[k]! + b[k]!;
    sum[k + 1] = a[k + 1]! + b[k + 1]!;
    sum[k + 2] = a[k + 2]! + b[k + 2]!;
    sum[k + 3] = a[k + 3]! + b[k + 3]!;
  }
  for (let k = whole; k < sum.length; k++) sum[k] = a[k]! + b[k]!;
}

const ENDED = 'another worker has failed';

/** What a member finds that waits for others of which one has failed. */
export const endedGroup = () => new Error(ENDED);

/**
 * Waits for what members of a group do together.
 * @param end called where one fails, so that those who wait for it go on.
 * @throws Error that the first of them failed with, rather than those of members that were let go on
 */
export async function allOrEnd<T>(calls: readonly Promise<T>[], end: () => void): Promise<T[]> {
  for (const one of calls) one.catch(end);
  const results = await Promise.allSettled(calls);
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  if (failures.length) throw failures.find(({ message }) => !message.includes(ENDED)) ?? failures[0];
  return Promise.all(calls);
}
