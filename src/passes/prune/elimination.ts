import { solvePositiveDefinite } from './cholesky.js';

/** A layer that sums over channels, or the elements that each of them has. */
export interface Consumer {
  /** Mean products of its inputs: [elements, elements]. */
  covariance: Float64Array;
  /** What its weights make of them, Wᵀ·W: [elements, elements]. */
  gram: Float64Array;
  /** Variance of what it should give. */
  signal: number;
  /** Elements of each channel, one beside the other. */
  width: number;
}

/** In which way channels are eliminated. */
export interface Elimination {
  channels: number;
  /** How much the weights are held back when they make up for what is lost (`correct`). */
  ridge: number;
}

/**
 * Eliminates channels one after the other, always the one with which the least is lost once the weights of those that
 * are left make up for it (optimal brain surgeon: Hassibi and Stork 1993; for whole channels: Kwon et al. 2022, "A Fast
 * Post-Training Pruning Framework for Transformers"). Losses are shares of the consumers' variance; they add up.
 * @returns what is lost with each channel in its turn
 */
export function eliminate(consumers: readonly Consumer[], { channels, ridge }: Elimination): Float64Array {
  const states = consumers.map((consumer) => new State(consumer, channels, ridge));
  const order = Array.from({ length: channels }, (_, channel) => channel);
  const losses = new Float64Array(channels);
  let last = 0;
  for (let left = channels; left > 0; left--) {
    let slot = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let candidate = 0; candidate < left; candidate++) {
      const loss = states.reduce((sum, state) => sum + state.loss(candidate), 0);
      if (loss < least) [slot, least] = [candidate, loss];
    }
    for (const state of states) state.remove(slot, left);
    last = Math.max(last, least);
    losses[order[slot]!] = last;
    order[slot] = order[left - 1]!;
  }
  return losses;
}

/** What one consumer loses. Channels that are left come first in both matrices. */
class State {
  private readonly inverse: Float64Array;
  private readonly gram: Float64Array;
  private readonly width: number;
  private readonly size: number;

  constructor({ covariance, gram, signal, width }: Consumer, channels: number, ridge: number) {
    this.width = width;
    this.size = channels * width;
    this.inverse = inverseOf(covariance, this.size, ridge);
    this.gram = gram.map((value) => value / Math.max(signal, Number.MIN_VALUE));
  }

  /** What is lost with a channel. */
  loss(slot: number): number {
    const { inverse, gram, size, width } = this;
    const first = slot * width;
    if (width === 1) return gram[first * (size + 1)]! / inverse[first * (size + 1)]!;
    const part = (matrix: Float64Array) =>
      Float64Array.from({ length: width ** 2 }, (_, k) => {
        return matrix[(first + Math.floor(k / width)) * size + first + (k % width)]!;
      });
    return eliminateElements(part(inverse), part(gram), width, width, 0, width);
  }

  /** Takes a channel out, and puts the last of those that are left into its place. */
  remove(slot: number, left: number): void {
    const { inverse, gram, size, width } = this;
    const [first, end] = [slot * width, left * width];
    eliminateElements(inverse, gram, size, end, first, width);
    for (const matrix of [inverse, gram])
      for (let k = 0; k < width; k++) move(matrix, size, end, end - width + k, first + k);
  }
}

/** Moves a row and a column of a symmetric matrix to another place. */
function move(matrix: Float64Array, size: number, left: number, from: number, to: number): void {
  for (let k = 0; k < left; k++) matrix[to * size + k] = matrix[from * size + k]!;
  for (let k = 0; k < left; k++) matrix[k * size + to] = matrix[k * size + from]!;
}

/** Has the others make up for some elements, one by one. @returns the loss */
function eliminateElements(
  inverse: Float64Array,
  gram: Float64Array,
  size: number,
  left: number,
  first: number,
  width: number,
): number {
  let loss = 0;
  const share = new Float64Array(left);
  const row = new Float64Array(left);
  for (let element = first; element < first + width; element++) {
    const pivot = inverse[element * (size + 1)]!;
    const own = gram[element * (size + 1)]!;
    loss += own / pivot;
    for (let k = 0; k < left; k++) {
      row[k] = gram[element * size + k]!;
      share[k] = inverse[element * size + k]! / pivot;
    }
    for (let i = 0; i < left; i++) {
      const [part, coupling, offset] = [share[i]!, row[i]! - own * share[i]!, i * size];
      for (let j = 0; j < left; j++) {
        gram[offset + j]! -= coupling * share[j]! + part * row[j]!;
        inverse[offset + j]! -= part * pivot * share[j]!;
      }
    }
    inverse[element * (size + 1)] = 1; // Its row and column are zeros now; what is asked of it later must be finite.
  }
  return loss;
}

/** The inverse of a covariance with the ridge on its diagonal. */
function inverseOf(covariance: Float64Array, size: number, ridge: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += covariance[i * (size + 1)]!;
  const system = new Float64Array(2 * size * size);
  system.set(covariance);
  const lambda = trace > 0 ? (ridge * trace) / size : 1;
  for (let i = 0; i < size; i++) {
    system[i * (size + 1)]! += lambda;
    system[(size + i) * size + i] = 1;
  }
  solvePositiveDefinite(system, size, size);
  return system.slice(size * size);
}
