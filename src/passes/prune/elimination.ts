import { traceOf } from './ridge.js';
import { SymmetricMatrix, timesInverse } from './symmetric.js';

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

/** Matrices are brought up to date so many times; of more channels, some go at a time. */
const UPDATES = 128;
/** How many channels are looked at for each that goes with others. */
const POOL = 4;

/**
 * Eliminates channels one after the other, always the one with which the least is lost once the weights of those that
 * are left make up for it (optimal brain surgeon: Hassibi and Stork 1993; for whole channels: Kwon et al. 2022, "A Fast
 * Post-Training Pruning Framework for Transformers"). Losses are shares of the consumers' variance; they add up.
 * @returns what is lost with each channel in its turn, never less than with one before
 */
export function eliminate(consumers: readonly Consumer[], { channels, ridge }: Elimination): Float64Array {
  const states = consumers.map((consumer) => new State(consumer, channels, ridge));
  const order = Array.from({ length: channels }, (_, channel) => channel);
  const atOnce = Math.ceil(channels / UPDATES);
  const losses = new Float64Array(channels);
  let last = 0;
  for (let left = channels; left > 0; ) {
    const picked = pick(states, left, Math.min(atOnce, left));
    for (const { slot, loss } of picked) {
      last = Math.max(last, loss);
      losses[order[slot]!] = last;
    }
    const slots = picked.map(({ slot }) => slot);
    for (const state of states) state.remove(slots, left);
    for (const slot of slots.sort((a, b) => b - a)) {
      left--;
      for (const state of states) state.move(left, slot, left + 1);
      order[slot] = order[left]!;
    }
  }
  return losses;
}

/** The channels that go next, with what is lost with each. Of several, all but the first lose more by those before. */
function pick(states: readonly State[], left: number, count: number): { slot: number; loss: number }[] {
  const found = Array.from({ length: left }, (_, slot) => ({ slot, loss: lossOf(states, slot) }));
  const least = (list: typeof found) => list.reduce((best, other) => (other.loss < best.loss ? other : best));
  if (count === 1) return [least(found)];
  const pool = found.sort((a, b) => a.loss - b.loss).slice(0, POOL * count);
  const small = states.map((state) => state.part(pool.map(({ slot }) => slot)));
  const open = pool.map((_, slot) => slot);
  return Array.from({ length: count }, () => {
    const { slot, loss } = least(open.map((place) => ({ slot: place, loss: lossOf(small, place) })));
    for (const state of small) state.remove([slot], pool.length);
    open.splice(open.indexOf(slot), 1);
    return { slot: pool[slot]!.slot, loss };
  });
}

function lossOf(states: readonly State[], slot: number): number {
  return states.reduce((sum, state) => sum + state.loss(slot), 0);
}

/** What one consumer loses. */
class State {
  private readonly inverse: SymmetricMatrix;
  private readonly gram: SymmetricMatrix;
  private readonly width: number;

  constructor(
    given: Consumer | { inverse: SymmetricMatrix; gram: SymmetricMatrix; width: number },
    channels = 0,
    ridge = 0,
  ) {
    this.width = given.width;
    if ('inverse' in given) {
      this.inverse = given.inverse;
      this.gram = given.gram;
      return;
    }
    const size = channels * given.width;
    const scale = 1 / Math.max(given.signal, Number.MIN_VALUE);
    this.inverse = new SymmetricMatrix(size, withRidge(given.covariance, size, ridge));
    this.inverse.invert();
    this.gram = new SymmetricMatrix(
      size,
      given.gram.map((value) => value * scale),
    );
  }

  /** What is lost with a channel. */
  loss(slot: number): number {
    const { inverse, gram, width } = this;
    if (width === 1) return gram.at(slot, slot) / inverse.at(slot, slot);
    const elements = this.elements([slot]);
    const shares = timesInverse(gram.part(elements), inverse.part(elements), width);
    return elements.reduce((sum, _, k) => sum + shares[k * (width + 1)]!, 0);
  }

  /** The same for some channels alone. */
  part(slots: readonly number[]): State {
    const elements = this.elements(slots);
    const of = (matrix: SymmetricMatrix) => new SymmetricMatrix(elements.length, matrix.part(elements));
    return new State({ inverse: of(this.inverse), gram: of(this.gram), width: this.width });
  }

  /** Has the others make up for some channels, of which nothing is left in either matrix. */
  remove(slots: readonly number[], left: number): void {
    const { inverse, gram, width } = this;
    const [elements, rows] = [this.elements(slots), left * width];
    const depth = elements.length;
    const columns = inverse.columns(elements, rows);
    const shares = timesInverse(columns, inverse.part(elements), depth);
    const [own, coupling] = [gram.part(elements), gram.columns(elements, rows)];
    const [a, b] = [new Float64Array(2 * rows * depth), new Float64Array(2 * rows * depth)];
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < depth; k++) {
        let rest = coupling[i * depth + k]!;
        for (let j = 0; j < depth; j++) rest -= (shares[i * depth + j]! * own[j * depth + k]!) / 2;
        a[2 * i * depth + k] = b[(2 * i + 1) * depth + k] = rest;
        b[2 * i * depth + k] = a[(2 * i + 1) * depth + k] = shares[i * depth + k]!;
      }
    inverse.subtract(shares, columns, depth, rows);
    gram.subtract(a, b, 2 * depth, rows);
  }

  /** Puts a channel into the place of another, of `left` that are in use. */
  move(from: number, to: number, left: number): void {
    if (from === to) return;
    for (const matrix of [this.inverse, this.gram])
      for (let k = 0; k < this.width; k++) matrix.move(from * this.width + k, to * this.width + k, left * this.width);
  }

  private elements(slots: readonly number[]): number[] {
    return slots.flatMap((slot) => Array.from({ length: this.width }, (_, k) => slot * this.width + k));
  }
}

/** A covariance with the ridge on its diagonal. */
function withRidge(covariance: Float64Array, size: number, ridge: number): Float64Array {
  const values = covariance.slice();
  const trace = traceOf(values);
  for (let i = 0; i < size; i++) values[i * (size + 1)]! += trace > 0 ? (ridge * trace) / size : 1;
  return values;
}
