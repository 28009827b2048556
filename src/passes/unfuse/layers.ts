import type { Fused, UnfuseRow } from './fused.js';

/** Activations by the names that fused layers give them, from their parameters in the order of the attributes. */
function activation(fused: Fused, value: string, name: string, parameters: readonly (number | undefined)[]): string {
  const { g } = fused;
  const attribute = (index: number) => (parameters[index] === undefined ? undefined : { float: parameters[index] });
  if (name === 'Clip') return g.op('Clip', [value, parameters[0], parameters[1]]);
  if (!name) return value;
  const [alpha, beta, gamma] = [attribute(0), attribute(1), attribute(2)];
  const known: Record<string, Record<string, { float: number } | undefined>> = {
    Relu: {},
    Sigmoid: {},
    Tanh: {},
    Softplus: {},
    Softsign: {},
    HardSwish: {},
    LeakyRelu: { alpha },
    Elu: { alpha },
    ThresholdedRelu: { alpha },
    HardSigmoid: { alpha, beta },
    Selu: { alpha, gamma },
  };
  return g.op(name, [value], known[name] ?? fused.refuse(`activation ${name}`));
}

/** Convolutions and products with what was fused to them, and activation functions. */
export const layers: Record<string, UnfuseRow> = {
  'com.microsoft.FusedConv': (fused) => {
    const { g, node } = fused;
    const kept = ['auto_pad', 'dilations', 'group', 'kernel_shape', 'pads', 'strides'];
    const conv = g.op('Conv', node.inputs.slice(0, 3), pick(fused, kept));
    const sum = fused.input(3) ? g.add(conv, fused.needed(3)) : conv;
    return [activation(fused, sum, node.string('activation', ''), node.floats('activation_params') ?? [])];
  },
  'com.microsoft.FusedGemm': (fused) => {
    const { g, node } = fused;
    const gemm = g.op('Gemm', node.inputs, pick(fused, ['alpha', 'beta', 'transA', 'transB']));
    const parameters = ['alpha', 'beta', 'gamma'].map((name) => node.float(`activation_${name}`));
    return [activation(fused, gemm, node.string('activation', ''), parameters)];
  },
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.TransposeMatMul': fusedMatMul,
  'com.microsoft.Gelu': (fused) => [gelu(fused, fused.x)],
  'com.microsoft.BiasGelu': (fused) => [gelu(fused, fused.total(0, 1))],
  'com.microsoft.FastGelu': (fused) => [tanhGelu(fused, fused.total(0, 1))],
  'com.microsoft.QuickGelu': ({ g, x, node }) => [g.mul(x, g.op('Sigmoid', [g.mul(x, node.float('alpha', 1.702))]))],
};

const pick = ({ node }: Fused, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, node.attributes.get(name)]));

function fusedMatMul(fused: Fused): [string] {
  const { g, node } = fused;
  const side = (position: number, letter: 'A' | 'B'): string => {
    const name = fused.needed(position);
    const [isSwapped, isBatchMoved] = [node.int(`trans${letter}`, 0), node.int(`transBatch${letter}`, 0)];
    if (!isSwapped && !isBatchMoved) return name;
    const rank = fused.dims(name).length;
    return rank < 2 ? name : g.transpose(name, permutation(rank, isSwapped === 1, isBatchMoved === 1));
  };
  const product = g.op('MatMul', [side(0, 'A'), side(1, 'B')]);
  const alpha = node.float('alpha', 1);
  return [alpha === 1 ? product : g.mul(product, alpha)];
}

/** `transBatch` moves the first axis in front of the last: `[M, batch…, N]`; then `trans` swaps the last two. */
function permutation(rank: number, isSwapped: boolean, isBatchMoved: boolean): number[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  if (isBatchMoved && rank > 2) axes.splice(rank - 2, 0, ...axes.splice(0, 1));
  if (isSwapped) axes.push(...axes.splice(rank - 2, 1));
  return axes;
}

/** `x·½(1 + erf(x/√2))` */
function gelu({ g }: Fused, x: string): string {
  return g.mul(g.mul(x, 0.5), g.add(g.op('Erf', [g.mul(x, Math.SQRT1_2)]), 1));
}

/** `x·½(1 + tanh(√(2/π)(x + 0.044715x³)))`, as `½(1 + tanh v)` is the sigmoid of `2v`. */
function tanhGelu({ g }: Fused, x: string): string {
  const scale = 2 * Math.sqrt(2 / Math.PI);
  const ratio = g.add(g.mul(g.mul(x, x), 0.044715 * scale), scale);
  return g.mul(x, g.op('Sigmoid', [g.mul(x, ratio)]));
}
