import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { HANDS_ON } from '../ops/forms.js';

/** Operators that have no value or no gradient where a number is negative. */
const ROOTS = new Set(['Log', 'Sqrt']);

/** Operators that keep numbers as they are, but for their form or what bounds them. */
const BOUNDS: ReadonlySet<string> = new Set([...HANDS_ON, 'Add', 'Max', 'Clip']);

/**
 * True where a matrix without negative numbers weights what a logarithm or root is taken of, as the filters of log-mel
 * features do: other weights could make that negative.
 */
export function isFilterBank(node: Node, weight: Tensor, takers: ReadonlyMap<string, readonly Node[]>): boolean {
  const isProduct = node.type === 'MatMul' || node.type === 'Gemm';
  return isProduct && meetsRoot(node, takers) && weight.toFloats().every((value) => value >= 0);
}

/** True where a logarithm or root is taken of what a node gives, itself or within bounds. */
export function meetsRoot(node: Node, takers: ReadonlyMap<string, readonly Node[]>): boolean {
  const next = takers.get(node.outputs[0]!) ?? [];
  return next.some(({ type }) => ROOTS.has(type)) || next.some((one) => BOUNDS.has(one.type) && meetsRoot(one, takers));
}
