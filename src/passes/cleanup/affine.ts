import type { Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';
import { isFloat } from '../../ir/types.js';

/** What maps a value element by element as `scale·x + shift`: per channel, or alike for all where there is one entry. */
export interface Affine {
  /** The value that is mapped. */
  input: string;
  scale: Float64Array;
  shift: Float64Array;
  /** Axis of the channels: from the front (1), or from the end (−1 the last). Undefined where all are alike. */
  axis: number | undefined;
  /** Dimensions that the constants have themselves: the value must have as many, or it would get more. */
  rank: number;
}

/** The map that a node applies with constants: BatchNormalization outside training, and arithmetic with a constant. */
export function affineOf(node: Node, constant: (name: string | undefined) => Tensor | undefined): Affine | undefined {
  if (node.type === 'BatchNormalization') return batchNorm(node, constant);
  const combine = ARITHMETIC[node.type];
  if (!combine || node.inputs.length !== 2) return undefined;
  const [a, b] = node.inputs.map(constant);
  if (a && b) return undefined;
  const operand = a ?? b;
  const channels = operand && channelsOf(operand);
  const map = channels && combine(channels.values, b !== undefined);
  if (!map) return undefined;
  return { input: node.inputs[a ? 1 : 0]!, ...map, axis: channels.axis, rank: operand.dims.length };
}

/** `second` after `first`, entry by entry. */
export function compose(first: Affine, second: Affine): Affine {
  const length = Math.max(first.scale.length, second.scale.length);
  const pick = (list: Float64Array, i: number) => list[list.length === 1 ? 0 : i]!;
  const scale = new Float64Array(length);
  const shift = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    scale[i] = pick(first.scale, i) * pick(second.scale, i);
    shift[i] = pick(first.shift, i) * pick(second.scale, i) + pick(second.shift, i);
  }
  return { input: first.input, scale, shift, axis: first.axis ?? second.axis, rank: Math.max(first.rank, second.rank) };
}

/**
 * Batch normalization as the operator defines it: `(x − mean) / √(var + epsilon) · gamma + beta`. Nodes in training
 * mode normalize by the batch: by attribute from operator set 14 on, by having more outputs before, and in sets below 7
 * unless `is_test` is set.
 */
function batchNorm(node: Node, constant: (name: string | undefined) => Tensor | undefined): Affine | undefined {
  const training = node.int('training_mode', 0) || node.outputs.length > 1 || node.attributes.has('consumed_inputs');
  if ((training && !node.int('is_test', 0)) || !node.int('spatial', 1)) return undefined;
  const parameters = node.inputs.slice(1).map((name) => constant(name));
  if (parameters.length !== 4 || !parameters.every((tensor) => tensor && isFloat(tensor.type))) return undefined;
  const [gamma, beta, mean, variance] = parameters.map((tensor) => tensor!.toNumbers());
  const epsilon = node.float('epsilon', 1e-5);
  const scale = gamma!.map((value, c) => value / Math.sqrt(variance![c]! + epsilon));
  const shift = beta!.map((value, c) => value - mean![c]! * scale[c]!);
  return { input: node.inputs[0]!, scale, shift, axis: 1, rank: 2 };
}

/** True where a map takes channels along an axis of a value of this rank each by themselves, and keeps its shape. */
export function isPerChannel(map: Affine, rank: number | undefined, axis: 1 | -1, channels: number): boolean {
  if (map.rank > (rank ?? 1) || ![...map.scale, ...map.shift].every(Number.isFinite)) return false;
  if (map.axis === undefined) return true;
  const fromEnd = (value: number) => (value < 0 ? value : rank === undefined ? undefined : value - rank);
  return map.scale.length === channels && fromEnd(map.axis) === fromEnd(axis);
}

type Map = Pick<Affine, 'scale' | 'shift'>;

/** By operator: the map for a constant operand, which comes second or first. */
const ARITHMETIC: Record<string, (values: Float64Array, second: boolean) => Map | undefined> = {
  Mul: (values) => ({ scale: values, shift: filled(values, 0) }),
  Add: (values) => ({ scale: filled(values, 1), shift: values }),
  Sub: (values, second) =>
    second
      ? { scale: filled(values, 1), shift: values.map((value) => -value) }
      : { scale: filled(values, -1), shift: values },
  Div: (values, second) => (second ? { scale: values.map((value) => 1 / value), shift: filled(values, 0) } : undefined),
};

function filled(like: Float64Array, value: number): Float64Array {
  return new Float64Array(like.length).fill(value);
}

/** A constant with at most one axis of more than one entry, and that axis counted from the end. */
function channelsOf(tensor: Tensor): { values: Float64Array; axis: number | undefined } | undefined {
  const wide = tensor.dims.flatMap((dim, i) => (dim === 1 ? [] : [i]));
  if (wide.length > 1 || !isFloat(tensor.type) || tensor.size === 0) return undefined;
  return { values: tensor.toNumbers(), axis: wide.length ? wide[0]! - tensor.dims.length : undefined };
}
