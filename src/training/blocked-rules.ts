import type { Dim } from '../ir/graph.js';
import type { Node } from '../ir/node.js';
import type { BlockedGraph, BlockedValue } from './blocked-convolutions.js';

/** Writes a node in the blocked layout; false where it stays as it is. */
type Rule = (graph: BlockedGraph, node: Node) => boolean;

/** The rule of a node's operator; undefined where it knows plain values alone. */
export function blockedRule(node: Node): Rule | undefined {
  return RULES[node.type];
}

const RULES: Record<string, Rule> = {
  Conv: convolution,
  MaxPool: pool,
  AveragePool: pool,
  ReduceSum: reduction,
  ReduceMean: reduction,
  'com.microsoft.nchwc.ReorderInput'(graph, node) {
    const [value, result] = [node.inputs[0]!, node.outputs[0]!];
    if (!graph.find(value) && !isBlockable(graph, value)) return false;
    graph.alias(result, graph.need(value).name);
    return true;
  },
  'com.microsoft.nchwc.ReorderOutput'(graph, node) {
    const [blocked, result] = [node.inputs[0]!, node.outputs[0]!];
    if (!isBlockable(graph, result)) return false;
    graph.put(result, blocked, node);
    return true;
  },
};

/** Element-wise operators that give finite values for the zeros that fill up the last block. */
const ELEMENTWISE = [
  ...['Add', 'Sub', 'Mul', 'Sum', 'Max', 'Min', 'Where', 'Neg', 'Abs', 'Sign', 'Identity', 'Cast', 'Not', 'And', 'Or'],
  ...['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal', 'Relu', 'LeakyRelu', 'Clip', 'Sigmoid', 'Tanh'],
  ...['HardSigmoid', 'HardSwish', 'Elu', 'Selu', 'Softplus', 'Erf', 'Gelu', 'com.microsoft.Gelu'],
  ...['com.microsoft.QuickGelu', 'ThresholdedRelu', 'Mish', 'Softsign'],
];
/** Those that may not: only for whole blocks. */
const PARTIAL = ['Div', 'Pow', 'Sqrt', 'Exp', 'Log', 'Reciprocal'];

for (const type of ELEMENTWISE) RULES[type] = (graph, node) => elementwise(graph, node, false);
for (const type of PARTIAL) RULES[type] = (graph, node) => elementwise(graph, node, true);

/** True for floats of [N, C, H, W] or [N, C, L] with fixed sizes behind N whose channels fill blocks well. */
function isBlockable(graph: BlockedGraph, name: string): boolean {
  const dims = graph.dims(name);
  if (!dims || (dims.length !== 4 && dims.length !== 3) || !graph.isFloat(name)) return false;
  return dims.slice(1).every((dim) => typeof dim === 'number') && graph.layout.fits(dims[1] as number);
}

function convolution(graph: BlockedGraph, node: Node): boolean {
  const [x, weight, bias] = node.inputs as [string, string, string | undefined];
  const [image, shape] = [graph.dims(x), graph.dims(weight)];
  const y = node.outputs[0]!;
  if (!image || !shape?.every((size) => typeof size === 'number') || !isBlockable(graph, y)) return false;
  const { g, layout } = graph;
  const [filters, , ...kernel] = shape as number[];
  const channels = image[1] as number;
  const group = node.int('group', 1);
  const isDepthwise = group > 1 && group === channels && group === filters;
  const isNarrow = group === 1 && channels < layout.block;
  if (!(group === 1 || isDepthwise) || !(isNarrow || isBlockable(graph, x))) return false;
  const attributes = convolutionAttributes(node, kernel!);
  if (!attributes) return false;
  const sizes = [filters!, isDepthwise ? 1 : channels, ...(kernel.length === 1 ? [1, kernel[0]!] : kernel)] as const;
  const planes = graph.plain(weight);
  const filter = layout.filter(
    kernel.length === 2 ? planes : g.reshape(planes, sizes),
    sizes as unknown as [number, number, number, number],
  );
  const value = isNarrow ? asPlanes(graph, x) : graph.need(x).name;
  const result = layout.conv(
    value,
    filter,
    { ...attributes, group: isDepthwise ? layout.roundUp(channels) : 1 },
    bias && padChannels(graph, graph.plain(bias), filters!),
  );
  graph.put(y, result, node);
  return true;
}

function asPlanes(graph: BlockedGraph, name: string): string {
  const plain = graph.plain(name);
  return graph.dims(name)!.length === 4 ? plain : graph.g.reshape(plain, [0, 0, 1, -1]);
}

/** Attributes for two axes; undefined where the padding of one axis is not written out. */
function convolutionAttributes(node: Node, kernel: readonly number[]) {
  const rank = kernel.length;
  const auto_pad = node.string('auto_pad', 'NOTSET');
  if (rank > 2 || (rank === 1 && auto_pad.startsWith('SAME'))) return undefined;
  const pair = (values: readonly number[], unit: number) => (rank === 1 ? [unit, ...values] : values);
  const pads = node.ints('pads') ?? Array(2 * rank).fill(0);
  return {
    kernel_shape: pair(kernel, 1),
    strides: pair(node.ints('strides') ?? Array(rank).fill(1), 1),
    dilations: pair(node.ints('dilations') ?? Array(rank).fill(1), 1),
    ...(auto_pad === 'NOTSET'
      ? { pads: [...pair(pads.slice(0, rank), 0), ...pair(pads.slice(rank), 0)] }
      : { auto_pad }),
  };
}

/** A vector with a value per channel, zeros appended to fill up the last block. */
function padChannels(graph: BlockedGraph, vector: string, channels: number): string {
  const missing = graph.layout.roundUp(channels) - channels;
  return missing ? graph.g.op('Pad', [vector, graph.g.ints([0, missing])]) : vector;
}

/** Pools over two axes of a value that is blocked already. */
function pool(graph: BlockedGraph, node: Node): boolean {
  const x = node.inputs[0]!;
  const [kernel_shape, dilations] = [node.ints('kernel_shape'), node.ints('dilations') ?? []];
  const input = graph.find(x);
  if (!input || kernel_shape?.length !== 2 || node.outputs[1] || node.int('ceil_mode', 0)) return false;
  if (node.string('auto_pad', 'NOTSET') !== 'NOTSET' || dilations.some((step) => step !== 1)) return false;
  const result = graph.g.op(`com.microsoft.nchwc.${node.op}`, [input.name], {
    kernel_shape,
    strides: node.ints('strides') ?? [1, 1],
    pads: node.ints('pads') ?? [0, 0, 0, 0],
    count_include_pad: node.op === 'AveragePool' ? node.int('count_include_pad', 0) : undefined,
  });
  graph.put(node.outputs[0]!, result, node);
  return true;
}

/** A node whose operands all have the shape of its result, or hold a value for each channel, plane or everything. */
function elementwise(graph: BlockedGraph, node: Node, wholeBlocks: boolean): boolean {
  const y = node.outputs[0]!;
  const dims = graph.dims(y);
  if (!dims || node.outputs.length > 1) return false;
  const inputs = node.inputs.map((name) => operandOf(graph, name, dims));
  if (!inputs.every((input) => input !== undefined)) return false;
  const whole = inputs.filter((input) => input === 'whole').length;
  const blocked = node.inputs.filter((name, k) => inputs[k] === 'whole' && graph.find(name)).length;
  const waiting = node.inputs.filter((name, k) => inputs[k] === 'whole' && graph.isPending(name)).length;
  const canReorder = node.inputs.every(
    (name, k) => inputs[k] !== 'whole' || graph.find(name) || isBlockable(graph, name),
  );
  if (!waiting || 2 * blocked < whole || !canReorder) return false;
  const channels = dims[1] as number;
  if (wholeBlocks && channels % graph.layout.block) return false;
  const isFlat = inputs.every((input) => input === 'whole' || input === 'scalar');
  const { g, layout } = graph;
  const sizes = dims.length === 4 ? dims.slice(2) : [1, ...dims.slice(2)];
  const rows = layout.roundUp(channels);
  const split = (value: string) => g.reshape(value, [-1, rows / layout.block, ...(sizes as number[]), layout.block]);
  const operands = node.inputs.map((name, k) => {
    if (!name || inputs[k] === 'scalar') return name && graph.plain(name);
    if (inputs[k] === 'whole') return isFlat ? graph.need(name).name : split(graph.need(name).name);
    return narrow(graph, name, dims, inputs[k] as 'channels' | 'planes');
  });
  const result = g.copy(node, operands);
  graph.put(y, isFlat ? result : g.reshape(result, [-1, rows, ...(sizes as number[])]), node);
  return true;
}

type Operand = 'whole' | 'scalar' | 'channels' | 'planes';

/** How an operand stretches over the result; undefined where the blocked layout has no such operand. */
function operandOf(graph: BlockedGraph, name: string, result: readonly Dim[]): Operand | undefined {
  if (!name) return 'scalar';
  const own = graph.dims(name);
  if (!own || own.length > result.length) return undefined;
  if (own.every((size) => size === 1)) return 'scalar';
  const dims = [...Array<Dim>(result.length - own.length).fill(1), ...own];
  const isSame = (from: number, to?: number) =>
    dims.slice(from, to).every((size, k) => size !== undefined && size === result[from + k]);
  const isOne = (from: number) => dims.slice(from).every((size) => size === 1);
  const isRow = dims[0] === 1 || isSame(0, 1);
  if (isSame(0) && own.length === result.length) return 'whole';
  if (isRow && isSame(1, 2) && isOne(2)) return 'channels';
  return isRow && dims[1] === 1 && isSame(2) ? 'planes' : undefined;
}

/** An operand per channel or plane, over [N, C / block, H, W, block]. */
function narrow(graph: BlockedGraph, name: string, result: readonly Dim[], kind: 'channels' | 'planes'): string {
  const { g, layout } = graph;
  const sizes = result.length === 4 ? result.slice(2) : [1, ...result.slice(2)];
  if (kind === 'planes') return g.reshape(graph.plain(name), [-1, 1, ...(sizes as number[]), 1]);
  const channels = result[1] as number;
  const matrix = g.reshape(graph.plain(name), [-1, channels]);
  const missing = layout.roundUp(channels) - channels;
  const padded = missing ? g.op('Pad', [matrix, g.ints([0, 0, 0, missing])]) : matrix;
  return g.reshape(padded, [-1, layout.roundUp(channels) / layout.block, 1, 1, layout.block]);
}

/** Sums and means of a blocked value over its planes, and perhaps the batch. */
function reduction(graph: BlockedGraph, node: Node): boolean {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  const input = graph.find(x);
  const dims = graph.dims(y);
  const axes = graph.constant(node.inputs[1])?.map((axis) => (axis < 0 ? axis + (input?.dims.length ?? 0) : axis));
  if (!input || !dims || !axes?.length || !graph.isPending(x)) return false;
  const planes = input.dims.map((_, axis) => axis).slice(2);
  const isOverPlanes = planes.every((axis) => axes.includes(axis)) && !axes.includes(1);
  if (!isOverPlanes) return false;
  const overBatch = axes.includes(0);
  const reduced = overPlanes(graph, node, input, overBatch);
  const [batch, channels] = input.dims as [Dim, number];
  const keepdims = node.int('keepdims', 1) === 1;
  const rest = keepdims ? planes.map(() => 1) : [];
  const lead = overBatch ? (keepdims ? [1] : []) : [typeof batch === 'number' ? batch : -1];
  graph.rename(graph.g.reshape(reduced, [...lead, channels, ...rest]), y);
  return true;
}

/** [N, C] or [C] */
function overPlanes(graph: BlockedGraph, node: Node, input: BlockedValue, overBatch: boolean): string {
  const { g, layout } = graph;
  const [, channels, ...sizes] = input.dims as [Dim, number, ...number[]];
  const rows = layout.roundUp(channels);
  const positions = sizes.reduce((product, size) => product * size, 1);
  const reduce = (value: string, axis: number) => g.op(node.op, [value, g.ints([axis])], { keepdims: 0 });
  const planes = reduce(g.reshape(input.name, [-1, positions, layout.block]), 1);
  const matrix = g.reshape(planes, [-1, rows]);
  const value = overBatch ? reduce(matrix, 0) : matrix;
  return rows === channels ? value : g.op('Slice', [value, g.ints([0]), g.ints([channels]), g.ints([-1])]);
}
