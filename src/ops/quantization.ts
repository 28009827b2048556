import type { Node } from '../ir/node.js';

/**
 * How ONNX Runtime's CPU provider runs an operator between DequantizeLinear and QuantizeLinear:
 * - `anchor`: an integer kernel that is worth starting an integer region for (convolutions and dense layers);
 * - `follower`: an integer kernel that only pays inside such a region;
 * - `carrier`: moves or selects elements, so integers pass through unchanged when both sides share scale and zero point;
 * - `clamp`: vanishes into the QuantizeLinear behind it, whose range does the clamping.
 */
export type StaticRole = 'anchor' | 'follower' | 'carrier' | 'clamp';

/** One operator's row: which inputs hold activations, and where a constant weight and bias may be. */
export interface StaticRow {
  role: StaticRole;
  /** Positions of inputs that are activations; `all` for operators with any number of them. */
  activations: readonly number[] | 'all';
  /** Position of the weight and the axis of its output channels. */
  weight?: { input: number; axis(node: Node, rank: number): number };
  /** Position of a bias that takes int32. */
  bias?: number;
  /** True where the integer kernel exists only with a QuantizeLinear behind it. */
  needsOutput?: boolean;
  /** The range of the output where it is known beforehand. */
  range?: readonly [number, number];
  /** Lowest operator set in which integers may pass. */
  opset?: number;
}

const carrier: StaticRow = { role: 'carrier', activations: [0] };
const follower: StaticRow = { role: 'follower', activations: [0] };

/** Static quantization by operator type; an operator without a row stays in float. */
export const STATIC_QUANTIZATION: Readonly<Record<string, StaticRow>> = {
  Conv: { role: 'anchor', activations: [0], weight: { input: 1, axis: () => 0 }, bias: 2, needsOutput: true },
  Gemm: {
    role: 'anchor',
    activations: [0],
    weight: { input: 1, axis: (node) => (node.int('transB', 0) ? 0 : 1) },
    bias: 2,
  },
  MatMul: { role: 'anchor', activations: [0, 1], weight: { input: 1, axis: (_, rank) => rank - 1 } },
  Add: { role: 'follower', activations: [0, 1] },
  Mul: { role: 'follower', activations: [0, 1] },
  Concat: { role: 'follower', activations: 'all' },
  Where: { role: 'follower', activations: [1, 2] },
  Sigmoid: { ...follower, range: [0, 1] },
  Softmax: { ...follower, range: [0, 1] },
  LeakyRelu: follower,
  AveragePool: follower,
  GlobalAveragePool: follower,
  MaxPool: { ...carrier, opset: 12 },
  Reshape: carrier,
  Flatten: carrier,
  Squeeze: carrier,
  Unsqueeze: carrier,
  Transpose: carrier,
  Slice: carrier,
  Split: carrier,
  Gather: carrier,
  Expand: carrier,
  Tile: carrier,
  DepthToSpace: { ...carrier, opset: 13 },
  Resize: carrier,
  ReduceMax: { ...carrier, opset: 12 },
  ReduceMin: { ...carrier, opset: 12 },
  Relu: { role: 'clamp', activations: [0] },
  Clip: { role: 'clamp', activations: [0] },
};

/** The positions of a node's activation inputs that are there. */
export function activationInputs(node: Node, row: StaticRow): number[] {
  const positions = row.activations === 'all' ? node.inputs.map((_, i) => i) : row.activations;
  return positions.filter((i) => node.inputs[i]);
}
