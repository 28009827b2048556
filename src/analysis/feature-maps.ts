import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { ValueFacts } from './value-types.js';

/** What a convolutional network has made of its input where it leaves a resolution. */
export interface Stage {
  /** The last feature map of its resolution, `[rows, channels, …sizes]`. */
  value: string;
  sizes: readonly number[];
  /** Sizes over those of what the first convolution takes: the geometric mean over the axes. */
  scale: number;
  /** Convolutions of this resolution. */
  convolutions: number;
}

/** Operators whose results are feature maps, `[rows, channels, …sizes]`. */
export const CONVOLUTIONS: ReadonlySet<string> = new Set([
  ...['Conv', 'ConvTranspose', 'ConvInteger', 'QLinearConv', 'DeformConv'],
  ...['com.microsoft.FusedConv', 'com.microsoft.QLinearConv'],
]);

/** Operators after which the second axis no longer holds the channels, though the rank may be the same. */
export const MIXES_AXES: ReadonlySet<string> = new Set([
  'Transpose',
  'Reshape',
  'Flatten',
  'MatMul',
  'Gemm',
  'Einsum',
  'Gather',
  'Softmax',
]);

/**
 * The stages of a convolutional network: for each resolution at which it convolves, the last value that something else is
 * computed from, such as the end of the last residual block. A first convolution alone at its resolution is a stem and no
 * stage, where there are others.
 * @param facts shapes of the values for a typical batch: a value whose sizes are open is no feature map.
 * @returns in the order of the graph; empty where the model convolves nothing.
 */
export function stagesOf(model: Model, facts: ReadonlyMap<string, ValueFacts>): Stage[] {
  const { graph } = model;
  graph.sort();
  const { consumers, outputs } = graph.index();
  const maps = new Map<string, readonly number[]>();
  const stages = new Map<string, Stage>();
  let input: readonly number[] | undefined;
  for (const node of graph.nodes) {
    const sizes = mapSizes(node, maps, facts);
    if (!sizes) continue;
    const value = node.outputs[0]!;
    maps.set(value, sizes);
    input ??= sizesOf(facts.get(node.inputs[0]!)) ?? sizes;
    const known = stages.get(sizes.join());
    const convolutions = (known?.convolutions ?? 0) + Number(CONVOLUTIONS.has(node.type));
    stages.delete(sizes.join());
    stages.set(sizes.join(), { value, sizes, scale: scaleOf(sizes, input), convolutions });
  }
  const ends = (value: string, sizes: readonly number[]) =>
    outputs.has(value) || consumers.get(value)?.some((node) => maps.get(node.outputs[0]!)?.join() !== sizes.join());
  for (const [value, sizes] of maps) {
    const stage = stages.get(sizes.join())!;
    if (ends(value, sizes)) stage.value = value;
  }
  const found = [...stages.values()].filter((stage) => stage.convolutions && stage.sizes.some((size) => size > 1));
  return found.length > 1 && found[0]!.convolutions === 1 ? found.slice(1) : found;
}

/** Sizes behind the channels of a node's output, where that is a feature map. */
function mapSizes(
  node: Node,
  maps: ReadonlyMap<string, readonly number[]>,
  facts: ReadonlyMap<string, ValueFacts>,
): readonly number[] | undefined {
  const sizes = sizesOf(facts.get(node.outputs[0]!));
  if (!sizes || CONVOLUTIONS.has(node.type)) return sizes;
  if (MIXES_AXES.has(node.type)) return undefined;
  return node.inputs.some((name) => maps.get(name)?.length === sizes.length) ? sizes : undefined;
}

function sizesOf(facts: ValueFacts | undefined): readonly number[] | undefined {
  const sizes = facts?.dims?.slice(2);
  return sizes?.length && sizes.every((size) => typeof size === 'number') ? (sizes as number[]) : undefined;
}

const scaleOf = (sizes: readonly number[], input: readonly number[]) =>
  sizes.reduce((product, size, axis) => product * (size / (input[axis] ?? size)), 1) ** (1 / sizes.length);
