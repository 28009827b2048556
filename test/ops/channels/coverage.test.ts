import { expect, test } from 'vitest';
import { followedOperators } from '../../../src/ops/channels/table.js';

/** What the models are made of that people prune. */
const WANTED = `Conv ConvTranspose Gemm MatMul Einsum Add Sub Mul Div Pow Sqrt Exp Log Neg Abs Erf Tanh Sigmoid Relu
  LeakyRelu PRelu Elu Selu Gelu HardSigmoid HardSwish Mish Softplus Clip Min Max Where Softmax BatchNormalization
  LayerNormalization InstanceNormalization GroupNormalization RMSNormalization LRN MaxPool AveragePool GlobalAveragePool
  GlobalMaxPool ReduceSum ReduceMean ReduceMax ReduceL2 Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Concat Pad
  Expand Tile Shape ConstantOfShape Resize Upsample DepthToSpace SpaceToDepth Gather GatherND ScatterND Cast Identity
  Dropout LSTM GRU RNN Attention RotaryEmbedding QuantizeLinear DequantizeLinear com.microsoft.FusedConv
  com.microsoft.FusedMatMul com.microsoft.FusedGemm com.microsoft.BiasGelu com.microsoft.FastGelu
  com.microsoft.SkipLayerNormalization com.microsoft.Attention com.microsoft.MultiHeadAttention
  com.microsoft.GroupQueryAttention`.split(/\s+/);

test('operators with a row', () => {
  const known = new Set(followedOperators());
  const missing = WANTED.filter((type) => !known.has(type));
  console.log(
    `channels are followed through ${known.size} operators; of ${WANTED.length} that are wanted, missing:`,
    missing,
  );
  expect(missing).toEqual([]);
});
