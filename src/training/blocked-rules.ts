import type { Node } from '../ir/node.js';
import { batchNormalization, reduction } from './blocked-channels.js';
import type { BlockedGraph } from './blocked-convolutions.js';
import { elementwise } from './blocked-elementwise.js';
import { isBlockable, padChannels, planeSizes } from './blocked-values.js';

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
  BatchNormalization: batchNormalization,
  Reshape: sameElements,
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

for (const type of ['QuantizeLinear', 'DequantizeLinear'])
  RULES[type] = (graph, node) => isPerTensor(graph, node) && elementwise(graph, node, false);
for (const type of ELEMENTWISE) RULES[type] = (graph, node) => elementwise(graph, node, false);
for (const type of PARTIAL) RULES[type] = (graph, node) => elementwise(graph, node, true);

const isPerTensor = (graph: BlockedGraph, { inputs }: Node) =>
  graph.dims(inputs[1]!)?.every((size) => size === 1) ?? false;

/**
 * How many products a convolution of few channels may add up one after the other. Longer kernels are signals: those of
 * weight gradients of few rows, which matrix products sum faster and with less loss to rounding.
 */
const LONGEST_CHAIN = 512;

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
  const attributes = windowAttributes(node, kernel);
  const chain = kernel.reduce((product, taps) => product * taps, channels);
  if (!attributes || (isNarrow && chain > LONGEST_CHAIN)) return false;
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
function windowAttributes(node: Node, kernel: readonly number[]) {
  const rank = kernel.length;
  const auto_pad = node.string('auto_pad', 'NOTSET');
  if (rank > 2 || (rank === 1 && auto_pad.startsWith('SAME'))) return undefined;
  const pair = (values: readonly number[], unit: number) => (rank === 1 ? [unit, ...values] : values);
  const given = node.ints('pads') ?? Array<number>(2 * rank).fill(0);
  const pads = [...pair(given.slice(0, rank), 0), ...pair(given.slice(rank), 0)];
  return {
    kernel_shape: pair(kernel, 1),
    strides: pair(node.ints('strides') ?? Array<number>(rank).fill(1), 1),
    dilations: pair(node.ints('dilations') ?? Array<number>(rank).fill(1), 1),
    pads: auto_pad === 'NOTSET' ? pads : undefined,
    auto_pad: auto_pad === 'NOTSET' ? undefined : auto_pad,
  };
}

/** Pools of a value that is blocked already. */
function pool(graph: BlockedGraph, node: Node): boolean {
  const input = graph.find(node.inputs[0]!);
  const kernel = node.ints('kernel_shape') ?? [];
  const attributes = windowAttributes(node, kernel);
  if (!input || !attributes || node.outputs[1] || node.int('ceil_mode', 0)) return false;
  if (attributes.dilations.some((step) => step !== 1) || !attributes.pads) return false;
  const count_include_pad = node.op === 'AveragePool' ? node.int('count_include_pad', 0) : undefined;
  const { dilations, ...others } = attributes;
  const result = graph.g.op(`com.microsoft.nchwc.${node.op}`, [input.name], { ...others, count_include_pad });
  graph.put(node.outputs[0]!, result, node);
  return true;
}

/** A reshape between one axis and two of which one has size 1. */
function sameElements(graph: BlockedGraph, node: Node): boolean {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  const [input, dims] = [graph.find(x), graph.dims(y)];
  if (!input || !graph.isPending(x) || !dims || !isBlockable(graph, y)) return false;
  const [before, after] = [planeSizes(input.dims), planeSizes(dims)];
  if (before[0] !== after[0] || before[1] !== after[1] || input.dims[1] !== dims[1]) return false;
  graph.put(y, input.name, node);
  return true;
}
