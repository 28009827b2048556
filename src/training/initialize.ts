import { Tensor } from '../ir/tensor.js';
import { elementCount } from '../ir/types.js';
import type { Random } from '../random.js';
import type { Parameter } from './parameters.js';

/** What a parameter is to the layer that computes with it. */
type Part = 'scale' | 'bias' | 'mean' | 'variance' | 'weight' | 'embedding';

/** Inputs of operators that are no weights, by position. */
const PARTS: Readonly<Record<string, Readonly<Record<number, Part>>>> = {
  BatchNormalization: { 1: 'scale', 2: 'bias', 3: 'mean', 4: 'variance' },
  LayerNormalization: { 1: 'scale', 2: 'bias' },
  InstanceNormalization: { 1: 'scale', 2: 'bias' },
  GroupNormalization: { 1: 'scale', 2: 'bias' },
  RMSNormalization: { 1: 'scale' },
  Conv: { 2: 'bias' },
  ConvTranspose: { 2: 'bias' },
  Gemm: { 2: 'bias' },
  Gather: { 0: 'embedding' },
  LSTM: { 3: 'bias' },
  GRU: { 3: 'bias' },
  RNN: { 3: 'bias' },
  PRelu: { 1: 'scale' },
};

/** Standard deviation that embeddings begin with, as in BERT. */
const EMBEDDING = 0.02;
/** Slope that PReLU begins with. */
const SLOPE = 0.25;

/**
 * Values that a parameter could begin training with: uniform within √(3 / inputs) for weights (He et al. 2015, for linear
 * units), one for scales, zero for biases.
 */
export function initialize(parameter: Parameter, random: Random): Tensor {
  const { name, tensor } = parameter;
  const values = new Float32Array(elementCount(tensor.dims));
  const part = partOf(parameter);
  if (part === 'scale') values.fill(parameter.consumer.type === 'PRelu' ? SLOPE : 1);
  else if (part === 'variance') values.fill(1);
  else if (part === 'embedding') fill(values, EMBEDDING * Math.sqrt(3), random);
  else if (part === 'weight') fill(values, Math.sqrt(3 / inputsOf(parameter)), random);
  return Tensor.of(name, 'float32', tensor.dims, values);
}

function fill(values: Float32Array, bound: number, random: Random): void {
  for (let k = 0; k < values.length; k++) values[k] = bound * (2 * random() - 1);
}

function partOf({ position, tensor, consumer, decays }: Parameter): Part {
  const known = PARTS[consumer.type]?.[position];
  if (known) return known;
  if (decays || tensor.size === 1) return 'weight';
  return consumer.type === 'Mul' ? 'scale' : consumer.type === 'Add' ? 'bias' : 'weight';
}

/** Numbers that make one output of a layer. */
function inputsOf({ tensor: { dims, size }, consumer }: Parameter): number {
  if (consumer.type === 'Gemm') return dims[consumer.int('transB', 0) ? 1 : 0] ?? 1;
  if (consumer.type === 'MatMul') return dims.at(-2) ?? 1;
  if (consumer.type === 'ConvTranspose') return size / (dims[1] ?? 1) || 1;
  if (['LSTM', 'GRU', 'RNN'].includes(consumer.type)) return dims.at(-1) ?? 1;
  return size / (dims[0] ?? 1) || 1;
}
