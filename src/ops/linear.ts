import type { Emitter } from '../ir/emitter.js';
import type { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import { elementCount } from '../ir/types.js';

/** Weights as one matrix per group, outputs × inputs. */
export interface MatrixLayout {
  groups: number;
  outputs: number;
  inputs: number;
  /** The weights in this shape, their axes then put in the order of `perm`, are [groups, outputs, inputs]. */
  shape: readonly number[];
  perm: readonly number[];
}

/** Where the inputs and outputs of a linear map are written out as matrices. */
export interface LinearSite {
  g: Emitter;
  node: Node;
  /** Shape of the weights. */
  weight: readonly number[];
  layout: MatrixLayout;
  /** Every so many-th position is taken, along each axis of positions. */
  step: number;
}

/** How an operator multiplies by constant weights: `alpha · W · x + beta · b`. */
export interface LinearMap {
  /** Position of the weights. */
  weight: number;
  /** Position of a bias; absent where the operator has none. */
  bias?: number;
  /** Where the bias holds several vectors for each group: which of them is this one's. Absent: it is the only one. */
  biasPart?: { index: number; of: number };
  factors?(node: Node): { alpha: number; beta: number };
  /** How the weights lie; undefined for a form that is no plain product with them. */
  layout(node: Node, weight: readonly number[]): MatrixLayout | undefined;
  /** True where the weights are multiplied with the node's first output, a step later, and not with its first input. */
  recurs?: true;
  /** What the weights are multiplied with: [groups, inputs, positions]. */
  columns(site: LinearSite, taken: string): string;
  /** How the product comes out of the node; absent where the node goes on computing with it. */
  output?: LinearOutput;
}

/** The output of a node that is a product. */
export interface LinearOutput {
  /** The axis that its channels lie on. */
  axis(rank: number): number;
  /** A value of the form of the output: [groups, outputs, positions]. */
  rows(site: LinearSite, output: string): string;
}

/** Convolution: X[N, C, …], W[M, C / group, …kernel]. */
const convolution: LinearMap = {
  weight: 1,
  bias: 2,
  layout(node, weight) {
    const groups = node.int('group', 1);
    const [outputs, inputs] = [weight[0]! / groups, elementCount(weight.slice(1))];
    return { groups, outputs, inputs, shape: [groups, outputs, inputs], perm: [0, 1, 2] };
  },
  columns(site, input) {
    const channels = site.weight[1]! * site.layout.groups;
    return channelsFirst(site, windows(site, input, channels), site.layout.inputs);
  },
  output: {
    axis: () => 1,
    rows: (site, output) => channelsFirst(site, thinned(site, output), site.layout.outputs),
  },
};

/** Transposed convolution: X[N, C, …], W[C, M / group, …kernel]. */
const transposedConvolution: LinearMap = {
  ...convolution,
  layout(node, weight) {
    const groups = node.int('group', 1);
    const [channels, outputs, taps] = [weight[0]! / groups, weight[1]!, elementCount(weight.slice(2))];
    const shape = [groups, channels, outputs, taps];
    return { groups, outputs, inputs: channels * taps, shape, perm: [0, 2, 1, 3] };
  },
  columns: (site, input) => channelsFirst(site, windows(site, input, site.weight[0]!), site.layout.inputs),
};

/** Matrix product: X[…, K], W[K, M]. */
const matrixProduct: LinearMap = {
  weight: 1,
  layout(node, weight) {
    if (weight.length !== 2 || node.int('transA', 0) || node.int('transBatchA', 0)) return undefined;
    const [inputs, outputs] = node.int('transB', 0) ? [weight[1]!, weight[0]!] : [weight[0]!, weight[1]!];
    const form = { groups: 1, outputs, inputs };
    if (node.int('transB', 0)) return { ...form, shape: [1, outputs, inputs], perm: [0, 1, 2] };
    return { ...form, shape: [1, inputs, outputs], perm: [0, 2, 1] };
  },
  columns: (site, input) => lastAxisFirst(site, input, site.layout.inputs),
  output: {
    axis: (rank) => rank - 1,
    rows: (site, output) => lastAxisFirst(site, output, site.layout.outputs),
  },
};

const scaledProduct: LinearMap = {
  ...matrixProduct,
  factors: (node) => ({ alpha: node.float('alpha', 1), beta: node.float('beta', 1) }),
};

/** Weights with the axes [directions, gates × hidden, inputs]. */
const gateLayout: LinearMap['layout'] = (_, weight) => {
  const [groups, outputs, inputs] = weight as [number, number, number];
  return { groups, outputs, inputs, shape: weight, perm: [0, 1, 2] };
};

/** What a recurrent layer makes of its input X[T, N, I] in all gates, W[D, gates × H, I]; B[D, 2 × gates × H]. */
const gatesOfInput: LinearMap = {
  weight: 1,
  bias: 3,
  biasPart: { index: 0, of: 2 },
  layout: gateLayout,
  columns(site, input) {
    const { g, layout } = site;
    const columns = lastAxisFirst(site, input, layout.inputs);
    return layout.groups === 1 ? columns : g.op('Concat', Array(layout.groups).fill(columns), { axis: 0 });
  },
};

/** What it makes of its last state, R[D, gates × H, H], taken from Y[T, D, N, H]. */
const gatesOfState: LinearMap = {
  ...gatesOfInput,
  weight: 2,
  biasPart: { index: 1, of: 2 },
  recurs: true,
  columns(site, output) {
    const { g, node, layout } = site;
    const states = node.int('layout', 0) ? g.transpose(output, [1, 2, 0, 3]) : output;
    const columns = Array.from({ length: layout.groups }, (_, d) => {
      const own = g.op('Gather', [states, g.ints([d])], { axis: 1 });
      const isReverse = d === 1 || node.string('direction', 'forward') === 'reverse';
      return lastAxisFirst(site, g.op('Pad', [own, g.ints(isReverse ? BACKWARD : FORWARD)]), layout.inputs);
    });
    return columns.length === 1 ? columns[0]! : g.op('Concat', columns, { axis: 0 });
  },
};

/** Padding of a step of zeros on one side of [T, D, N, H] that cuts one off on the other: each state is the last one. */
const FORWARD = [1, 0, 0, 0, -1, 0, 0, 0];
const BACKWARD = [-1, 0, 0, 0, 1, 0, 0, 0];

const recurrent = [gatesOfInput, gatesOfState];

/** Products with constant weights that operators compute, by type. */
export const LINEAR_MAPS: Readonly<Record<string, readonly LinearMap[]>> = {
  Conv: [convolution],
  ConvTranspose: [transposedConvolution],
  Gemm: [{ ...scaledProduct, bias: 2 }],
  MatMul: [matrixProduct],
  'com.microsoft.FusedMatMul': [scaledProduct],
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
};

/** [batch, groups × count, …positions] as [groups, count, batch × positions]. */
function channelsFirst({ g, layout: { groups } }: LinearSite, value: string, count: number): string {
  const split = g.reshape(value, [0, groups, count, -1]);
  return g.reshape(g.transpose(split, [1, 2, 0, 3]), [groups, count, -1]);
}

/** […positions, count] as [1, count, positions]. */
function lastAxisFirst({ g, step }: LinearSite, value: string, count: number): string {
  const rows = g.reshape(value, [1, -1, count]);
  return g.transpose(step === 1 ? rows : every(g, rows, [1], step), [0, 2, 1]);
}

function thinned({ g, weight, step }: LinearSite, value: string): string {
  return step === 1 ? value : every(g, value, spatialAxes(weight), step);
}

/** Every `step`-th position along some axes. */
function every(g: Emitter, value: string, axes: readonly number[], step: number): string {
  const all = (number: number) => g.ints(axes.map(() => number));
  return g.op('Slice', [value, all(0), all(Number.MAX_SAFE_INTEGER), g.ints(axes), all(step)]);
}

const spatialAxes = (weight: readonly number[]) => weight.slice(2).map((_, k) => k + 2);

/**
 * What the windows of a convolution hold, [N, channels × taps, …positions]: the convolution itself with kernels of a
 * single one. So padding, strides and dilations are its own.
 */
function windows(site: LinearSite, input: string, channels: number): string {
  const { g, node, weight, step } = site;
  const kernel = weight.slice(2);
  const taps = elementCount(kernel);
  const strides = node.ints('strides') ?? kernel.map(() => 1);
  const explicit = node.string('auto_pad', 'NOTSET') === 'NOTSET';
  if (taps === 1 && explicit && [...strides, ...(node.ints('pads') ?? []).map((pad) => pad + 1)].every((n) => n === 1))
    return thinned(site, input);
  const longer = node.op === 'Conv' && explicit ? step : 1;
  const ones = Float32Array.from({ length: channels * taps * taps }, (_, k) =>
    Number((k % taps ** 2) % (taps + 1) === 0),
  );
  const dims = node.op === 'Conv' ? [channels * taps, 1, ...kernel] : [channels, taps, ...kernel];
  const value = g.op(node.op, [input, g.constant(Tensor.of('windows', 'float32', dims, ones))], {
    ...Object.fromEntries(node.attributes),
    group: channels,
    strides: strides.map((stride) => stride * longer),
  });
  return longer === step ? value : thinned(site, value);
}
