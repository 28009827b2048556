import { UserError } from '../../errors.js';
import { sumOf } from '../../group.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { TypedArray } from '../../ir/types.js';
import { constantsToInitializers } from '../cleanup/constants-to-initializers.js';
import { initializersOutOfInputs } from '../cleanup/initializers-out-of-inputs.js';
import { runPasses } from '../pass.js';
import { countBelow, lampScores, thresholdOf } from './ranking.js';
import { findWeights, replaceInitializers, type Weight } from './weights.js';

/** Which single weights become zero. */
export interface SparsityOptions {
  /** Share of all weights that are zero afterwards, 0…1; unused with a pattern. */
  sparsity: number;
  /** Of how many weights in a row, along the axis that is summed over, how many stay: `[2, 4]`. */
  pattern?: readonly [kept: number, of: number] | undefined;
  /** What a weight's size is compared by: as it is, or as a share of the larger ones of its layer. */
  importance: 'magnitude' | 'lamp';
  /** Whether the smallest of all weights go, or those of each layer. */
  scope: 'global' | 'layer';
  /** Largest share of a layer that becomes zero. */
  maxPerLayer: number;
  /** Why a node's weights stay as they are; undefined where they need not. */
  keeps(node: Node): string | undefined;
}

/** What became of the weights of a model. */
export interface SparsityResult {
  /** Weights of each layer, and those of them that are not zero. */
  layers: { name: string; before: number; after: number }[];
  /** Layers that stay as they are. */
  left: { name: string; reason: string }[];
}

/**
 * Sets the weights of least size to zero (Han et al. 2015, "Learning both weights and connections"), biases and norms
 * aside; shapes stay. `lamp` compares across layers by the share that a weight has of the larger ones (Lee et al. 2021).
 * @throws UserError where the model has no such weights, or the limit of each layer leaves too many
 */
export async function sparsify(model: Model, options: SparsityOptions): Promise<SparsityResult> {
  await runPasses(model, [initializersOutOfInputs, constantsToInitializers]);
  const left: SparsityResult['left'] = [];
  const weights = findWeights(model).filter(({ node, tensor, axis }) => {
    const reason = options.keeps(node) ?? (options.pattern && misfit(tensor.dims[axis]!, options.pattern));
    if (reason) left.push({ name: node.label, reason });
    return !reason;
  });
  if (!weights.length) throw noWeights(model, left);
  const zeroed = options.pattern
    ? weights.map((weight) => zeroPattern(weight, options.pattern!))
    : zeroSmallest(weights, options, model.source?.path);
  replaceInitializers(model, new Map(weights.map(({ tensor }, k) => [tensor, zeroed[k]!])));
  const layers = weights.map(({ node, tensor }, k) => ({
    name: node.label,
    before: tensor.size,
    after: zeroed[k]!.toFloats().reduce((count, weight) => count + Number(weight !== 0), 0),
  }));
  return { layers, left };
}

function misfit(size: number, [, of]: readonly [number, number]): string | undefined {
  return size % of ? `it sums over ${size} elements, which is no multiple of ${of}` : undefined;
}

function noWeights(model: Model, left: SparsityResult['left']): UserError {
  const why = [...new Set(left.map(({ name, reason }) => `${name}: ${reason}`))].slice(0, 3).join('; ');
  return new UserError(`has no weights that could become zero${why && ` (${why})`}`, {
    file: model.source?.path,
    mend: left.length ? 'leave fewer out' : 'see nncompress inspect for what the model holds',
  });
}

const magnitudesOf = ({ tensor }: Weight): Float32Array => tensor.toFloats().map(Math.abs);

/** Of each layer, as many of the smallest weights as belong to the smallest of all, or the same share of each. */
function zeroSmallest(weights: readonly Weight[], options: SparsityOptions, file: string | undefined): Tensor[] {
  const { sparsity, scope, importance, maxPerLayer } = options;
  const sorted = weights.map((weight) => magnitudesOf(weight).sort());
  const limits = sorted.map(({ length }) => Math.floor(maxPerLayer * length));
  const all = sumOf(sorted, ({ length }) => length);
  const wanted = Math.round(sparsity * all);
  const most = sumOf(limits, (limit) => limit);
  if (wanted > most)
    throw new UserError(`${(100 * sparsity).toFixed(1)} % of zeros cannot be reached`, {
      file,
      mend: `at most ${((100 * most) / all).toFixed(1)} % can be zero with --max-per-layer ${maxPerLayer}`,
    });
  const counts =
    scope === 'layer'
      ? sorted.map(({ length }, k) => Math.min(limits[k]!, Math.round(sparsity * length)))
      : countsOfSmallest(importance === 'lamp' ? sorted.map(lampScores) : sorted, limits, wanted);
  return weights.map(({ tensor }, k) => zeroBelow(tensor, sorted[k]!, counts[k]!));
}

/** How many of each list are among the smallest of all. Of those that are equal, the first lists give theirs first. */
function countsOfSmallest(scores: readonly Float32Array[], limits: readonly number[], wanted: number): number[] {
  const threshold = thresholdOf(scores, limits, wanted);
  const counts = scores.map((list, k) => Math.min(limits[k]!, countBelow(list, threshold, false)));
  let missing = wanted - sumOf(counts, (count) => count);
  return counts.map((count, k) => {
    const more = Math.min(missing, Math.min(limits[k]!, countBelow(scores[k]!, threshold, true)) - count);
    missing -= more;
    return count + more;
  });
}

/** @param sorted the tensor's magnitudes, the smallest first. */
function zeroBelow(tensor: Tensor, sorted: Float32Array, count: number): Tensor {
  if (!count) return tensor;
  const threshold = sorted[count - 1]!;
  let ties = count - countBelow(sorted, threshold, false);
  return zeroed(tensor, (weights, zero) => {
    for (const [place, weight] of weights.entries()) {
      const size = Math.abs(weight);
      if (size < threshold || (size === threshold && ties-- > 0)) zero(place);
    }
  });
}

/** Keeps the largest weights of every few in a row. */
function zeroPattern({ tensor, axis }: Weight, [kept, of]: readonly [number, number]): Tensor {
  const step = tensor.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  return zeroed(tensor, (weights, zero) => {
    const places = Array.from({ length: of }, () => 0);
    for (let block = 0; block < weights.length; block += of * step)
      for (let first = block; first < block + step; first++) {
        for (let k = 0; k < of; k++) places[k] = first + k * step;
        places.sort((a, b) => Math.abs(weights[b]!) - Math.abs(weights[a]!) || a - b);
        for (const place of places.slice(kept)) zero(place);
      }
  });
}

function zeroed(tensor: Tensor, choose: (weights: Float32Array, zero: (place: number) => void) => void): Tensor {
  const values = tensor.values().slice() as Exclude<TypedArray, BigInt64Array | BigUint64Array>;
  choose(tensor.toFloats(), (place) => {
    values[place] = 0;
  });
  return Tensor.of(tensor.name, tensor.type, tensor.dims, values);
}
