import type { Node } from '../ir/node.js';
import { DATA_TYPES } from '../ir/types.js';

/** Providers whose kernels compute in float16. */
export type HalfTarget = 'cuda' | 'webgpu';

/** What keeps an operator, or a part of it, from float16. */
export interface HalfRow {
  /** Why the whole operator stays in float32. */
  keep?: string;
  /** The row's `keep` holds below this operator set only. */
  before?: number;
  /** The row's `keep` holds for these providers only. */
  targets?: readonly HalfTarget[];
  /** The row's `keep` holds for such nodes only. */
  when?(node: Node): boolean;
  /** True where a node that stays in float32 has weights worth storing as float16. */
  storesHalf?: boolean | undefined;
  /** Positions of inputs that are float32 whatever the operator computes in. */
  float32Inputs?: readonly number[];
  /** Positions of outputs that are float32 whatever the operator computes in. */
  float32Outputs?: readonly number[];
}

const sequence: HalfRow = { keep: 'it handles sequences or optional values' };
const quantized: HalfRow = { keep: 'quantization scales are float32' };
const transform: HalfRow = { keep: 'spectra and filter banks have a range that float16 lacks' };
const random: HalfRow = { keep: 'few providers draw random numbers in float16' };
const squares: HalfRow = { keep: 'sums of squares leave the range of float16' };
const recurrent: HalfRow = {
  keep: 'WebGPU has no kernel for it, and the CPU none in float16',
  targets: ['webgpu'],
  storesHalf: true,
};
const scatter: HalfRow = {
  keep: 'kernels scatter float16 without reduction only',
  when: (node) => node.string('reduction', 'none') !== 'none',
};
const noKernel: HalfRow = { keep: 'no provider has a float16 kernel for it' };

/**
 * Exceptions from float16, by operator type; a standard operator without a row computes in float16. Types are those of
 * the ONNX operator schemas (onnx/docs/Operators.md, Changelog.md), kernels those of ONNX Runtime
 * (docs/OperatorKernels.md).
 */
const EXCEPTIONS: Readonly<Record<string, HalfRow>> = {
  Resize: { float32Inputs: [1, 2] },
  Upsample: { float32Inputs: [1] },
  LayerNormalization: { float32Outputs: [1, 2] },
  Range: { keep: 'float16 has no whole numbers above 2048, and its schema no float16' },
  NonMaxSuppression: { keep: 'its schema has no float16' },
  TfIdfVectorizer: { keep: 'its schema has no float16' },
  Celu: { keep: 'its schema has no float16', before: 28 },
  IsInf: { keep: 'its schema has no float16', before: 20 },
  CumSum: { keep: 'rounding errors add up along the axis' },
  MeanVarianceNormalization: { keep: 'its definition holds float32 constants' },
  Cast: { keep: 'text shows every digit', when: (node) => node.int('to') === DATA_TYPES.string.code },
  CastLike: { keep: 'its type follows another value' },
  QuantizeLinear: quantized,
  DequantizeLinear: quantized,
  DynamicQuantizeLinear: quantized,
  QLinearConv: quantized,
  QLinearMatMul: quantized,
  ReduceL2: squares,
  ReduceSumSquare: squares,
  LpNormalization: squares,
  LpPool: squares,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  STFT: transform,
  DFT: transform,
  MelWeightMatrix: transform,
  HannWindow: transform,
  HammingWindow: transform,
  BlackmanWindow: transform,
  RandomNormal: random,
  RandomNormalLike: random,
  RandomUniform: random,
  RandomUniformLike: random,
  Bernoulli: random,
  Multinomial: random,
  ScatterElements: scatter,
  ScatterND: scatter,
  EyeLike: noKernel,
  GridSample: noKernel,
  RoiAlign: noKernel,
  MaxRoiPool: noKernel,
  MaxUnpool: noKernel,
  Det: noKernel,
  Clip: { ...noKernel, before: 12 },
  SequenceConstruct: sequence,
  SequenceInsert: sequence,
  SequenceAt: sequence,
  SequenceErase: sequence,
  SequenceMap: sequence,
  SplitToSequence: sequence,
  ConcatFromSequence: sequence,
  Optional: sequence,
  OptionalGetElement: sequence,
  OptionalHasElement: sequence,
};

/** Operators of other domains that take float16 wherever they take float32. */
const HALF_CONTRIBS: ReadonlySet<string> = new Set(
  ['BiasGelu', 'FastGelu', 'FusedMatMul', 'Gelu', 'QuickGelu', 'SkipLayerNormalization'].map(
    (op) => `com.microsoft.${op}`,
  ),
);

/** What keeps a node from float16, as far as its operator tells. */
export function halfRow(node: Node, opset: number, target: HalfTarget): HalfRow {
  if (node.subgraphs().length) return { keep: 'its subgraphs compute in float32' };
  const row = EXCEPTIONS[node.type];
  if (row) {
    const { keep, before = Number.POSITIVE_INFINITY, targets, when, storesHalf, ...positions } = row;
    const holds = keep && opset < before && (targets?.includes(target) ?? true) && (when?.(node) ?? true);
    return holds ? { keep, storesHalf } : positions;
  }
  if (node.type.includes('.') && !HALF_CONTRIBS.has(node.type)) return { keep: 'its types are not known' };
  return {};
}
