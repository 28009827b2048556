import { solvePositiveDefinite } from './cholesky.js';

/** Enough to keep weights of inputs in place that hardly vary, too little to hold others back. */
export const RIDGE = 0.01;

/** What sums of float32 products are wrong by, as a share of them: a few units in the last place. */
const ROUNDING = 2 ** -22;

/** The sum of the diagonal of a square matrix. */
export function traceOf(matrix: Float64Array): number {
  const size = Math.sqrt(matrix.length);
  let trace = 0;
  for (let i = 0; i < size; i++) trace += matrix[i * (size + 1)]!;
  return trace;
}

/**
 * By how much rounding may have lowered the eigenvalues of sums of products x·xᵀ. Where values hardly vary about a large mean,
 * less than that is left once the mean is taken away, and what is left need not be positive definite.
 */
export const roundingOf = (products: Float64Array) => ROUNDING * traceOf(products);

/**
 * Sums over the positions at which a linear map was seen, of its inputs x and of what its outputs lack, e. They are all
 * that a regression needs, so that no activations are kept. Every array has the groups of the map as its first axis.
 */
export interface Moments {
  groups: number;
  outputs: number;
  inputs: number;
  count: number;
  /** Σ x·xᵀ: [groups, inputs, inputs]. */
  xx: Float64Array;
  /** Σ e·xᵀ: [groups, outputs, inputs]. */
  ex: Float64Array;
  /** Σ x: [groups, inputs]. */
  x: Float64Array;
  /** Σ e and Σ e²: [groups, outputs]. */
  e: Float64Array;
  ee: Float64Array;
  /** Σ t and Σ t² of the outputs as they should be: [groups, outputs]. */
  t: Float64Array;
  tt: Float64Array;
}

/** What is to be added to a map's weights and bias, and what it does. */
export interface Correction {
  /** [groups, outputs, inputs] */
  weight: Float64Array;
  /** [groups × outputs]; absent where the map has no bias. */
  bias?: Float64Array;
  /** Squares of what the outputs lack, before and after, over their variance. */
  before: number;
  after: number;
}

/**
 * Ridge regression of what the outputs lack on the inputs, which keeps to the weights that are there: the smallest
 * Σ|e − D·x|² + λ·|D|² with λ in proportion to the mean square of the inputs. With a bias, inputs and outputs are
 * centred, and the bias is not held back.
 * @param ridge λ over the mean of the diagonal of Σ x·xᵀ.
 */
export function correct(moments: Moments, { ridge, hasBias }: { ridge: number; hasBias: boolean }): Correction {
  const { groups, outputs, inputs, count } = moments;
  const weight = new Float64Array(groups * outputs * inputs);
  const bias = new Float64Array(groups * outputs);
  const total = { before: 0, after: 0, signal: 0 };
  for (let group = 0; group < groups; group++) {
    const own = ofGroup(moments, group);
    total.before += sum(own.ee);
    total.signal += sum(own.tt) - squaresOverCount(own.t, count);
    const rounding = hasBias ? roundingOf(own.xx) : 0;
    if (hasBias) centre(own);
    const delta = weight.subarray(group * outputs * inputs, (group + 1) * outputs * inputs);
    total.after += sum(own.ee) - fit(own, (ridge * traceOf(own.xx)) / inputs + rounding, delta);
    for (let o = 0; hasBias && o < outputs; o++)
      bias[group * outputs + o] = (own.e[o]! - dot(delta, o * inputs, own.x)) / count;
  }
  const ratio = (squares: number) => Math.max(0, squares) / Math.max(total.signal, Number.MIN_VALUE);
  return { weight, ...(hasBias && { bias }), before: ratio(total.before), after: ratio(total.after) };
}

function ofGroup(moments: Moments, group: number): Moments {
  const part = (all: Float64Array) => {
    const length = all.length / moments.groups;
    return all.slice(group * length, (group + 1) * length);
  };
  const { outputs, inputs, count } = moments;
  const { xx, ex, x, e, ee, t, tt } = moments;
  const parts = { xx: part(xx), ex: part(ex), x: part(x), e: part(e), ee: part(ee), t: part(t), tt: part(tt) };
  return { groups: 1, outputs, inputs, count, ...parts };
}

/** Turns moments about zero into moments about the means. */
function centre({ outputs, inputs, count, xx, ex, x, e, ee }: Moments): void {
  for (let i = 0; i < inputs; i++) for (let j = 0; j < inputs; j++) xx[i * inputs + j]! -= (x[i]! * x[j]!) / count;
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) ex[o * inputs + i]! -= (e[o]! * x[i]!) / count;
    ee[o]! -= e[o]! ** 2 / count;
  }
}

/** Solves (Σ x·xᵀ + λ) · Dᵀ = Σ x·eᵀ into `delta`. @returns by how much Σ e² falls */
function fit({ outputs, inputs, xx, ex }: Moments, lambda: number, delta: Float64Array): number {
  if (!(lambda > 0)) return 0;
  const system = new Float64Array((inputs + outputs) * inputs);
  system.set(xx);
  system.set(ex, inputs * inputs);
  for (let i = 0; i < inputs; i++) system[i * (inputs + 1)]! += lambda;
  solvePositiveDefinite(system, inputs, outputs);
  delta.set(system.subarray(inputs * inputs));
  return dot(delta, 0, ex) + lambda * dot(delta, 0, delta);
}

function dot(a: Float64Array, offset: number, b: Float64Array): number {
  let total = 0;
  for (let k = 0; k < b.length; k++) total += a[offset + k]! * b[k]!;
  return total;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

function squaresOverCount(sums: Float64Array, count: number): number {
  return dot(sums, 0, sums) / count;
}
