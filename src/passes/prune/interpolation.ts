import { solvePositiveDefinite } from './cholesky.js';
import { traceOf } from './ridge.js';

/** Channels that go and channels that are left, of a width each. */
export interface Split {
  gone: readonly number[];
  left: readonly number[];
  /** Elements of a channel that are told apart. */
  width: number;
}

/** Weights, [outer, size, block], whose middle axis channels lie on. */
export interface ChannelWeights {
  values: Float64Array;
  size: number;
  block: number;
  /** The indices of all channels in turn, `perChannel` of each. */
  indices: Int32Array;
  perChannel: number;
}

/**
 * The shares of elements that are left in those that are gone, [gone, left], with the least mean square of what is
 * missed; held back by a ridge as in `correct`.
 */
export function sharesOf(covariance: Float64Array, { gone, left, width }: Split, ridge: number): Float64Array {
  const [from, to] = [left, gone].map((channels) => elementsOf(channels!, width)) as [number[], number[]];
  const [n, size] = [from.length, Math.sqrt(covariance.length)];
  const system = new Float64Array((n + to.length) * n);
  for (const [row, element] of [...from, ...to].entries())
    for (let k = 0; k < n; k++) system[row * n + k] = covariance[element * size + from[k]!]!;
  const trace = traceOf(system.subarray(0, n * n));
  if (!(trace > 0)) return new Float64Array(to.length * n);
  for (let k = 0; k < n; k++) system[k * (n + 1)]! += (ridge * trace) / n;
  solvePositiveDefinite(system, n, to.length);
  return system.slice(n * n);
}

const elementsOf = (channels: readonly number[], width: number) =>
  channels.flatMap((channel) => Array.from({ length: width }, (_, k) => channel * width + k));

/** Adds the weights of what is gone to those of what is left, by shares. Elements that are not told apart share alike. */
export function addShares(weights: ChannelWeights, split: Split, shares: Float64Array): void {
  const { indices, perChannel } = weights;
  const alike = perChannel / split.width;
  const places = (channels: readonly number[], offset: number) =>
    channels.flatMap((channel) =>
      Array.from({ length: split.width }, (_, k) => indices[channel * perChannel + k * alike + offset]!),
    );
  for (let offset = 0; offset < alike; offset++)
    addRows(weights, places(split.gone, offset), places(split.left, offset), shares);
}

function addRows(
  { values, size, block }: ChannelWeights,
  from: readonly number[],
  to: readonly number[],
  shares: Float64Array,
): void {
  for (let outer = 0; outer < values.length; outer += size * block)
    for (const [row, source] of from.entries())
      for (const [column, target] of to.entries()) {
        const [share, at, into] = [shares[row * to.length + column]!, outer + source * block, outer + target * block];
        for (let k = 0; k < block; k++) values[into + k]! += share * values[at + k]!;
      }
}
