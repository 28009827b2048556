import { inferValueTypes } from '../analysis/value-types.js';
import type { GraphIndex } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { LINEAR } from '../passes/cleanup/linear.js';

/** A layer of the main graph that may have had a batch normalization. */
export interface FoldedLayer {
  node: Node;
  /** Its constants, which nothing else takes. */
  weight: string;
  bias: string;
  /** What it gives, its bias included. */
  output: string;
  /** Dimensions of the output; the second is that of the channels. */
  rank: number;
}

/** What takes the output of a layer into which a batch normalization was folded. */
const BEHIND = new Set([
  ...[
    'Relu',
    'Clip',
    'LeakyRelu',
    'PRelu',
    'Elu',
    'Selu',
    'Celu',
    'Gelu',
    'Sigmoid',
    'HardSigmoid',
    'HardSwish',
    'Mish',
  ],
  ...['Tanh', 'Softplus', 'Swish', 'Mul', 'Add', 'Concat', 'Conv', 'MaxPool', 'AveragePool'],
]);

/**
 * Layers that look like those into which an exporter folded a batch normalization: with weight and bias of their own,
 * followed by an activation, a sum, a pool or another convolution; in the order of the graph.
 */
export async function foldedLayers(model: Model): Promise<FoldedLayer[]> {
  const index = model.graph.index();
  const constants = model.constants();
  const found = model.graph.nodes.flatMap((node) => {
    const layer = layerOf(node, constants, index);
    const isFollowed = layer && (index.consumers.get(layer.output) ?? []).every(({ type }) => BEHIND.has(type));
    return isFollowed && !index.outputs.has(layer.output) && index.consumers.has(layer.output) ? [layer] : [];
  });
  if (!found.some(({ node }) => node.type === 'MatMul')) return found;
  const facts = await inferValueTypes(model);
  return found.filter(({ output, rank }) => facts.get(output)?.dims?.length === rank);
}

function layerOf(
  node: Node,
  constants: ReadonlyMap<string, Tensor>,
  { consumers, outputs }: GraphIndex,
): FoldedLayer | undefined {
  const row = LINEAR[node.type];
  if (!row) return undefined;
  const own = (name: string | undefined) => {
    const tensor = name === undefined ? undefined : constants.get(name);
    return tensor?.type === 'float32' && consumers.get(name!)?.length === 1 ? tensor : undefined;
  };
  const weight = own(node.inputs[1]);
  const users = consumers.get(node.outputs[0]!) ?? [];
  const sum = !row.bias && users.length === 1 && users[0]!.type === 'Add' ? users[0]! : undefined;
  if (!weight || (!row.bias && (!sum || outputs.has(node.outputs[0]!)))) return undefined;
  const name = row.bias ? node.inputs[2] : sum!.inputs.find((input) => input !== node.outputs[0]);
  const bias = own(name);
  const rank = row.rank?.(weight) ?? 2;
  const least = row.axis === 1 ? 3 : 2;
  if (!bias || weight.dims.length < least || bias.size !== row.channels(node, weight)) return undefined;
  if (bias.dims.at(-1) !== bias.size || node.float('beta', 1) !== 1) return undefined;
  return { node, weight: weight.name, bias: bias.name, output: (sum ?? node).outputs[0]!, rank };
}
