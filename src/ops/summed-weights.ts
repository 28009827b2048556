import type { Node } from '../ir/node.js';

/** An input that holds a weight, and the axis along which products with it are summed. */
export interface SummedWeight {
  input: number;
  axis(node: Node, rank: number): number;
}

const at = (input: number, axis: number): SummedWeight => ({ input, axis: () => axis });

const matrices: readonly SummedWeight[] = [
  { input: 0, axis: (_, rank) => rank - 1 },
  { input: 1, axis: (_, rank) => rank - 2 },
];
const gemm: readonly SummedWeight[] = [
  { input: 0, axis: (node) => (node.int('transA', 0) ? 0 : 1) },
  { input: 1, axis: (node) => (node.int('transB', 0) ? 1 : 0) },
];
const recurrent: readonly SummedWeight[] = [at(1, 2), at(2, 2)];

/** Operators that multiply by weights, and where those are. */
export const SUMMED_WEIGHTS: Readonly<Record<string, readonly SummedWeight[]>> = {
  Conv: [at(1, 1)],
  ConvTranspose: [at(1, 0)],
  Gemm: gemm,
  MatMul: matrices,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  'com.microsoft.Attention': [at(1, 0)],
  'com.microsoft.FusedConv': [at(1, 1)],
  'com.microsoft.FusedGemm': gemm,
  'com.microsoft.FusedMatMul': [
    { input: 0, axis: (node, rank) => rank - (node.int('transA', 0) ? 2 : 1) },
    { input: 1, axis: (node, rank) => rank - (node.int('transB', 0) ? 1 : 2) },
  ],
};
