import type { Node } from '../ir/node.js';
import { elementCount } from '../ir/types.js';

/** Concrete shapes around a node; undefined where a value is absent or its shape unknown. */
export interface CostSite {
  node: Node;
  input(position: number): readonly number[] | undefined;
  output(position: number): readonly number[] | undefined;
}

/** Multiply-accumulates of a node; undefined where a shape that it needs is unknown. */
type MacsRule = (site: CostSite) => number | undefined;

/** Each output element sums over the kernel and the channels of its group: X, W[M, C/group, k…]. */
const convolution =
  (weight: number): MacsRule =>
  ({ input, output }) =>
    product(output(0), input(weight)?.slice(1));

/** Each input element is spread over the kernel and the channels of its group: X, W[C, M/group, k…]. */
const transposedConvolution: MacsRule = ({ input }) => product(input(0), input(1)?.slice(1));

/** Each output element sums over the last axis of A, or over the one before it where A is transposed. */
const matrixProduct =
  (transposed = ''): MacsRule =>
  ({ node, input, output }) => {
    const a = input(0);
    const depth = a && (transposed && node.int(transposed, 0) && a.length > 1 ? a.at(-2) : a.at(-1));
    return product(output(0), depth === undefined ? undefined : [depth]);
  };

/** Packed weights: the attribute K is the depth of the product. */
const packedProduct: MacsRule = ({ node, output }) => product(output(0), [node.int('K', 0)]);

/** Every time step and sequence meets all of W and R. */
const recurrent: MacsRule = ({ input }) => {
  const [x, w, r] = [input(0), input(1), input(2)];
  return x && w && r && elementCount(x.slice(0, 2)) * (elementCount(w) + elementCount(r));
};

/** Q·Kᵀ and P·V: every query meets every key over the widths of keys and values. */
const scaledDotProduct = (queries: number, keys: number, width: number, valueWidth: number): number =>
  queries * keys * (width + valueWidth);

/** com.microsoft.Attention: the projection to Q, K, V, then attention. X[B,S,D], W[D,3H], past[2,B,N,P,E]. */
const projectedAttention =
  (past: number): MacsRule =>
  ({ node, input }) => {
    const [x, w] = [input(0), input(1)];
    if (x?.length !== 3 || w?.length !== 2) return undefined;
    const [batch, length, depth] = x as [number, number, number];
    const sizes = node.ints('qkv_hidden_sizes') ?? [w[1]! / 3, w[1]! / 3, w[1]! / 3];
    const keys = length + (input(past)?.at(-2) ?? 0);
    return batch * (length * depth * w[1]! + scaledDotProduct(length, keys, sizes[0]!, sizes[2]!));
  };

/** com.microsoft.MultiHeadAttention: Q[B,S,H]; K and V are [B,L,H] or [B,N,L,E]. Packed forms are not counted. */
const multiHeadAttention: MacsRule = ({ input }) => {
  const [q, k, v] = [input(0), input(1), input(2)];
  if (q?.length !== 3 || !k || k.length > 4 || v?.length !== k.length) return undefined;
  const keys = k.length === 3 ? k[1]! : k[2]!;
  const valueWidth = v.length === 3 ? v[2]! : v[1]! * v[3]!;
  return q[0]! * scaledDotProduct(q[1]!, keys, q[2]!, valueWidth);
};

/** Attention of opset 23: Q[B,N,S,E] with K[B,N',L,E] and V[B,N',L,F], or Q[B,S,N·E] with the numbers of heads. */
const standardAttention: MacsRule = ({ node, input }) => {
  const [q, k, v] = [input(0), input(1), input(2)];
  if (!q || !k || !v) return undefined;
  const past = input(4)?.[2] ?? 0;
  if (q.length === 4) return scaledDotProduct(elementCount(q.slice(0, 3)), k[2]! + past, q[3]!, v[3]!);
  const heads = node.int('q_num_heads', 1);
  const valueWidth = (v[2]! / node.int('kv_num_heads', 1)) * heads;
  return q[0]! * scaledDotProduct(q[1]!, k[1]! + past, q[2]!, valueWidth);
};

/** The product of the sizes of all subscripts; an ellipsis stands for the axes that are not named. */
const einsum: MacsRule = ({ node, input }) => {
  const terms = node.string('equation', '').replace(/\s/g, '').split('->')[0]!.split(',');
  const sizes = new Map<string, number>();
  for (const [position, term] of terms.entries()) {
    const shape = input(position);
    if (!shape) return undefined;
    const letters = [...term.replace('...', '')];
    const before = term.includes('...') ? term.indexOf('...') : letters.length;
    const hidden = shape.length - letters.length;
    letters.forEach((letter, i) => {
      sizes.set(letter, Math.max(sizes.get(letter) ?? 1, shape[i < before ? i : i + hidden]!));
    });
    for (let i = 0; i < hidden; i++) {
      const key = `…${hidden - i}`;
      sizes.set(key, Math.max(sizes.get(key) ?? 1, shape[before + i]!));
    }
  }
  return terms.length > 1 ? elementCount([...sizes.values()]) : 0;
};

/** Computes much, but not by a formula that is known here. */
const unknown: MacsRule = () => undefined;

/**
 * Multiply-accumulates by operator type. Operators without a row count 0, as is usual: element-wise operators,
 * normalizations, reductions and what only moves data.
 */
export const MACS: Readonly<Record<string, MacsRule>> = {
  Conv: convolution(1),
  ConvInteger: convolution(1),
  QLinearConv: convolution(3),
  DeformConv: convolution(1),
  'com.microsoft.FusedConv': convolution(1),
  'com.microsoft.NhwcFusedConv': convolution(1),
  'com.microsoft.QLinearConv': convolution(3),
  ConvTranspose: transposedConvolution,
  Gemm: matrixProduct('transA'),
  'com.microsoft.QGemm': matrixProduct('transA'),
  'com.microsoft.FusedGemm': matrixProduct('transA'),
  MatMul: matrixProduct(),
  MatMulInteger: matrixProduct(),
  QLinearMatMul: matrixProduct(),
  'com.microsoft.QLinearMatMul': matrixProduct(),
  'com.microsoft.FusedMatMul': matrixProduct('transA'),
  'com.microsoft.TransposeMatMul': matrixProduct('transA'),
  'com.microsoft.MatMulInteger16': matrixProduct(),
  'com.microsoft.MatMulIntegerToFloat': matrixProduct(),
  'com.microsoft.DynamicQuantizeMatMul': matrixProduct(),
  'com.microsoft.MatMulNBits': packedProduct,
  'com.microsoft.MatMulBnb4': packedProduct,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  'com.microsoft.DynamicQuantizeLSTM': recurrent,
  Einsum: einsum,
  Attention: standardAttention,
  'com.microsoft.Attention': projectedAttention(4),
  'com.microsoft.QAttention': projectedAttention(8),
  'com.microsoft.MultiHeadAttention': multiHeadAttention,
  'com.microsoft.GroupQueryAttention': unknown,
  'com.microsoft.DecoderMaskedMultiHeadAttention': unknown,
  'com.microsoft.PackedAttention': unknown,
  'com.microsoft.PackedMultiHeadAttention': unknown,
  'com.microsoft.LongformerAttention': unknown,
  'com.microsoft.MoE': unknown,
  'com.microsoft.QMoE': unknown,
};

function product(...shapes: (readonly number[] | undefined)[]): number | undefined {
  let result = 1;
  for (const shape of shapes) {
    if (!shape) return undefined;
    result *= elementCount(shape);
  }
  return result;
}
