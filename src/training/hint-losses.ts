import type { Emitter } from '../ir/emitter.js';
import { Tensor } from '../ir/tensor.js';
import { meanSquaredError } from './losses.js';

// Losses on inner values of a student and its teacher. Each is one number per row; the first axis of a value is the rows.

/** Squared lengths below this count as none: such vectors have no direction, and their gradient is 0. */
const NOTHING = 1e-12;

/** The lengths of vectors along the last axis, kept as an axis of size 1, and 1 where there is a length, else 0. */
function lengthsOf(g: Emitter, vectors: string): { length: string; isThere: string } {
  const squares = g.sum(g.mul(vectors, vectors), [-1]);
  const isThere = g.cast(g.op('Greater', [squares, NOTHING]), FLOAT);
  return { length: g.op('Sqrt', [g.op('Max', [squares, NOTHING])]), isThere };
}

const FLOAT = 1;

/** Vectors along the last axis at length 1; those of no length stay zero. */
function directions(g: Emitter, vectors: string): string {
  const { length, isThere } = lengthsOf(g, vectors);
  return g.mul(vectors, g.div(isThere, length));
}

/**
 * The map of attention of a feature map: mean squares over the channels, flattened and at length 1 (Zagoruyko and
 * Komodakis 2017, with p = 2).
 * @param map `[rows, channels, …sizes]`.
 * @returns `[rows, positions]`
 */
export function attentionMap(g: Emitter, map: string): string {
  const squares = g.op('ReduceMean', [g.mul(map, map), g.ints([1])], { keepdims: 0 });
  return directions(g, g.op('Flatten', [squares], { axis: 1 }));
}

/**
 * Averages a feature map over windows that share its positions out evenly, as PyTorch's adaptive average pooling does: a
 * product with a fixed matrix along each axis that shrinks.
 * @param map `[rows, channels, …from]`.
 */
export function adaptiveAveragePool(g: Emitter, map: string, from: readonly number[], to: readonly number[]): string {
  const rank = from.length + 2;
  return from.reduce((pooled, size, axis) => {
    const wanted = to[axis]!;
    if (size === wanted) return pooled;
    const last = Array.from({ length: rank }, (_, k) => (k === axis + 2 ? rank - 1 : k === rank - 1 ? axis + 2 : k));
    const weights = g.constant(Tensor.of(`${g.prefix}/pool`, 'float32', [size, wanted], poolWeights(size, wanted)));
    return g.transpose(g.op('MatMul', [g.transpose(pooled, last), weights]), last);
  }, map);
}

function poolWeights(from: number, to: number): Float32Array {
  const weights = new Float32Array(from * to);
  for (let k = 0; k < to; k++) {
    const [begin, end] = [Math.floor((k * from) / to), Math.ceil(((k + 1) * from) / to)];
    for (let place = begin; place < end; place++) weights[place * to + k] = 1 / (end - begin);
  }
  return weights;
}

/** Huber's loss of a difference: half the square up to 1, linear beyond (PyTorch's smooth L1). */
function huber(g: Emitter, difference: string): string {
  const size = g.op('Abs', [difference]);
  const capped = g.op('Min', [size, 1]);
  return g.mul(capped, g.sub(size, g.mul(capped, 0.5)));
}

/** How much the angles count against the distances (Park et al. 2019: 50 and 25 for classification). */
const ANGLES = 2;

/**
 * Relational distillation (Park et al. 2019): distances between the embeddings of a batch, over their mean, and the
 * cosines of the angles between three of them, each compared by Huber's loss. Only rows that are there are related to each
 * other: those that one replica is given.
 * @param student `[rows, …]`, any width.
 * @param teacher the same rows, any width.
 * @param weights of rows: 0 for those that only fill the batch.
 */
export function relationalDistance(g: Emitter, student: string, teacher: string, weights: string): string {
  const isThere = g.cast(g.op('Greater', [weights, 0]), FLOAT);
  const [own, taught] = [student, teacher].map((value) => relationsOf(g, value, isThere)) as [Relations, Relations];
  const pairs = g.div(isThere, g.sum(isThere));
  const ofDistances = g.op('MatMul', [huber(g, g.sub(own.distances, taught.distances)), pairs]);
  const ofAngles = g.op('MatMul', [huber(g, g.sub(own.angles, taught.angles)), pairs]);
  return g.add(ofDistances, g.mul(g.op('MatMul', [ofAngles, pairs]), ANGLES));
}

interface Relations {
  /** `[rows, rows]`. */
  distances: string;
  /** Cosines at the first of three rows, `[rows, rows, rows]`. */
  angles: string;
}

function relationsOf(g: Emitter, value: string, isThere: string): Relations {
  const rows = g.op('Flatten', [value], { axis: 1 });
  const unsqueezed = (axis: number) => g.op('Unsqueeze', [rows, g.ints([axis])]);
  const differences = g.sub(unsqueezed(0), unsqueezed(1));
  const { length, isThere: differs } = lengthsOf(g, differences);
  const flat = (of: string) => g.op('Squeeze', [of, g.ints([-1])]);
  const distances = flat(g.mul(length, differs));
  const counted = g.mul(
    g.mul(flat(differs), g.op('Unsqueeze', [isThere, g.ints([0])])),
    g.op('Unsqueeze', [isThere, g.ints([1])]),
  );
  const mean = g.div(g.sum(g.mul(distances, counted)), g.op('Max', [g.sum(counted), 1]));
  const units = g.mul(differences, g.div(differs, length));
  return {
    distances: g.div(distances, g.op('Max', [mean, NOTHING])),
    angles: g.op('MatMul', [units, g.transpose(units, [0, 2, 1])]),
  };
}

/**
 * Mean squared difference of hidden states over the tokens that are there (as in TinyBERT, Jiao et al. 2020).
 * @param student `[rows, tokens, width]`; the teacher's of the same shape.
 * @param mask float32 `[rows, tokens]`: 1 for tokens, 0 for what fills a text up; all are tokens where absent.
 */
export function hiddenStateDistance(g: Emitter, student: string, teacher: string, mask: string | undefined): string {
  if (!mask) return meanSquaredError(g, student, teacher);
  const difference = g.sub(student, teacher);
  const each = g.op('ReduceMean', [g.mul(difference, difference), g.ints([-1])], { keepdims: 0 });
  return overTokens(g, each, mask);
}

/** Probabilities below this are taken for it, so that their logarithm is a number. */
const LEAST = 1e-7;

/**
 * Divergence of the student's attention distributions from the teacher's, in nats, averaged over heads and the queries of
 * tokens that are there (as in MiniLM, Wang et al. 2020).
 * @param student probabilities `[rows, heads, queries, keys]`; the teacher's of the same shape.
 * @param mask as for `hiddenStateDistance`.
 */
export function attentionDivergence(g: Emitter, student: string, teacher: string, mask: string | undefined): string {
  const log = (value: string) => g.op('Log', [g.op('Max', [value, LEAST])]);
  const each = g.sum(g.mul(teacher, g.sub(log(teacher), log(student))), [-1], false);
  if (!mask) return g.op('ReduceMean', [each, g.ints([1, 2])], { keepdims: 0 });
  return overTokens(g, g.op('ReduceMean', [each, g.ints([1])], { keepdims: 0 }), mask);
}

/** Means of `[rows, tokens]` over the tokens that a mask leaves. */
function overTokens(g: Emitter, each: string, mask: string): string {
  return g.div(g.sum(g.mul(each, mask), [1], false), g.op('Max', [g.sum(mask, [1], false), 1]));
}
