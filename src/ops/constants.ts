/** What the constant inputs of an operator stand for, by position. */
interface ConstantRow {
  /** Integers that hold weights (in other operators integers are indices and shapes). */
  weights?: readonly number[];
  /** Scales, zero points and the like: they describe weights and are none themselves. */
  qparams?: readonly number[];
}

const unary: ConstantRow = { qparams: [1, 2, 3, 4] };
const binary: ConstantRow = { weights: [0, 3], qparams: [1, 2, 4, 5, 6, 7] };

/** Operators of quantized models. */
export const QUANTIZED_CONSTANTS: Readonly<Record<string, ConstantRow>> = {
  DequantizeLinear: { weights: [0], qparams: [1, 2] },
  QuantizeLinear: { qparams: [1, 2] },
  'com.microsoft.DequantizeLinear': { weights: [0], qparams: [1, 2] },
  'com.microsoft.QuantizeLinear': { qparams: [1, 2] },
  QLinearConv: { weights: [3, 8], qparams: [1, 2, 4, 5, 6, 7] },
  'com.microsoft.QLinearConv': { weights: [3, 8], qparams: [1, 2, 4, 5, 6, 7] },
  QLinearMatMul: binary,
  'com.microsoft.QLinearMatMul': binary,
  'com.microsoft.QLinearAdd': binary,
  'com.microsoft.QLinearMul': binary,
  'com.microsoft.QLinearSigmoid': unary,
  'com.microsoft.QLinearLeakyRelu': unary,
  'com.microsoft.QLinearSoftmax': unary,
  'com.microsoft.QLinearAveragePool': unary,
  'com.microsoft.QLinearGlobalAveragePool': unary,
  ConvInteger: { weights: [1], qparams: [2, 3] },
  MatMulInteger: { weights: [1], qparams: [2, 3] },
  'com.microsoft.QGemm': { weights: [3, 6], qparams: [1, 2, 4, 5, 7, 8] },
  'com.microsoft.DynamicQuantizeMatMul': { weights: [1], qparams: [2, 3] },
  'com.microsoft.MatMulIntegerToFloat': { weights: [1], qparams: [2, 3, 4, 5] },
  'com.microsoft.DynamicQuantizeLSTM': { weights: [1, 2], qparams: [8, 9, 10, 11] },
  'com.microsoft.QAttention': { weights: [1], qparams: [3, 4, 6, 7] },
  'com.microsoft.MatMulNBits': { weights: [1], qparams: [2, 3, 4] },
  'com.microsoft.MatMulBnb4': { weights: [1], qparams: [2] },
  'com.microsoft.GatherBlockQuantized': { weights: [0], qparams: [2, 3] },
};

/** Operators that hand a constant on to the one that computes with it. */
export const PASS_ON: ReadonlySet<string> = new Set([
  'DequantizeLinear',
  'com.microsoft.DequantizeLinear',
  'QuantizeLinear',
  'Identity',
  'Cast',
  'CastLike',
  'Transpose',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
]);
