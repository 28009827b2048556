import { isFilterBank } from '../../analysis/filter-bank.js';
import type { ValueFacts } from '../../analysis/value-types.js';
import { type Dim, type GraphIndex, usedValues } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';
import { elementCount } from '../../ir/types.js';
import { LINEAR_MAPS, type LinearMap, type MatrixLayout } from '../../ops/linear.js';
import { affineOf, isPerChannel } from '../cleanup/affine.js';
import type { RemovedChannels } from './remove-channels.js';

/** Where a bias is added: an input of the layer itself, or of the Add behind it. */
export interface BiasPlace {
  node: Node;
  position: number;
}

/** Where the error of a layer is seen: a value that is its output, times factors, plus what it has no part in. */
export interface Target {
  /** The value that shall be as it was in the original: the output of the layer, or the sum that it goes into. */
  value: string;
  /** By how much each channel of the output is multiplied on its way there; by 1 where it is absent. */
  scale: Float64Array | undefined;
}

/** A product with weights of a pruned model that are fitted anew. */
export interface RefitLayer {
  node: Node;
  map: LinearMap;
  layout: MatrixLayout;
  /** Shape of the weights. */
  weight: readonly number[];
  bias: BiasPlace | undefined;
  /** Absent where the node computes with the product: then that itself shall be as it was. */
  target: Target | undefined;
  /** Every so many-th position is looked at, along each axis of positions. */
  step: number;
  /** Layers of one stage do not depend on one another, and are fitted in one pass over the data. */
  stage: number;
}

/** What a layer cannot be fitted for. */
export interface RefitObstacle {
  node: Node;
  reason: string;
}

/** What is known of the pruned model around the layers. */
interface Surroundings {
  index: GraphIndex;
  constants: ReadonlyMap<string, Tensor>;
  /** Types and shapes on a typical batch. */
  facts: ReadonlyMap<string, ValueFacts>;
}

/** What is not as it was once channels are gone. */
export interface Affected {
  /** Weights that lost some of their inputs. */
  weights: ReadonlySet<string>;
  /** Values that come after them. */
  values: ReadonlySet<string>;
}

/**
 * How to fit the layers of a model that are affected, in the order in which they run. A layer is fitted to the sum that
 * its output goes into where nothing that is fitted later goes into it too: so it makes up for errors of the other
 * summands.
 */
export function planRefit(
  model: Model,
  affected: Affected,
  facts: ReadonlyMap<string, ValueFacts>,
): { layers: RefitLayer[]; obstacles: RefitObstacle[] } {
  const constants = model.constants();
  const surroundings = { index: model.graph.index(), constants, facts };
  const layers: RefitLayer[] = [];
  const obstacles: RefitObstacle[] = [];
  for (const node of model.graph.nodes) {
    const maps = LINEAR_MAPS[node.type];
    if (!maps && node.inputs.some((input) => affected.weights.has(input)))
      obstacles.push({ node, reason: `${node.type} has no weights that could be fitted` });
    for (const map of maps ?? []) {
      if (!isAffected(node, map, affected) || !constants.has(node.inputs[map.weight] ?? '')) continue;
      const layer = layerOf(surroundings, node, map);
      if (typeof layer === 'string') obstacles.push({ node, reason: layer });
      else layers.push(layer);
    }
  }
  stageLayers(model, layers);
  return { layers, obstacles };
}

function isAffected({ inputs }: Node, map: LinearMap, { weights, values }: Affected): boolean {
  return weights.has(inputs[map.weight] ?? '') || (!map.recurs && values.has(inputs[0]!));
}

/** The first output of a node that is there, by which nodes are known. */
export function keyOf({ outputs }: Node): string {
  return outputs.find(Boolean) ?? '';
}

/** @returns why there is none */
function layerOf(surroundings: Surroundings, node: Node, map: LinearMap): RefitLayer | string {
  const { constants, index, facts } = surroundings;
  const name = node.inputs[map.weight]!;
  const tensor = constants.get(name)!;
  if (tensor.type !== 'float32' && tensor.type !== 'float16') return `its weights are ${tensor.type}`;
  if (index.consumers.get(name)!.length > 1) return 'it shares its weights with others';
  if (isFilterBank(node, tensor, index.consumers)) return 'a logarithm or root is taken of its product';
  const layout = map.layout(node, tensor.dims);
  const taken = facts.get(map.recurs ? keyOf(node) : node.inputs[0]!)?.dims;
  const dims = map.output ? facts.get(keyOf(node))?.dims : taken;
  if (!layout || !dims) return `a ${node.type} of this form is not fitted`;
  const channels = layout.groups * layout.outputs;
  const axis = map.output?.axis(dims.length);
  return {
    ...{ node, map, layout, stage: 0 },
    weight: tensor.dims,
    bias: biasOf(surroundings, node, map, channels),
    target: axis === undefined ? undefined : targetOf(surroundings, keyOf(node), axis, channels),
    step: stepOf(layout, dims, axis ?? dims.length - 1),
  };
}

/** The operator's own bias, or the Add of one number per channel behind it. */
function biasOf({ constants, index }: Surroundings, node: Node, map: LinearMap, count: number): BiasPlace | undefined {
  const { of = 1 } = map.biasPart ?? {};
  const fits = (name: string) => {
    const tensor = constants.get(name);
    const isVector = tensor?.dims.at(-1) === count || of > 1;
    return tensor?.size === of * count && isVector && index.consumers.get(name)?.length === 1;
  };
  if (map.bias !== undefined) {
    const own = node.inputs[map.bias];
    return !own || fits(own) ? { node, position: map.bias } : undefined;
  }
  const next = onlyConsumer(index, node.outputs[0]!);
  if (next?.type !== 'Add') return undefined;
  const position = next.inputs[0] === node.outputs[0] ? 1 : 0;
  return fits(next.inputs[position]!) ? { node: next, position } : undefined;
}

/** The sum with another value that the layer alone goes into, by way of maps per channel; its own output otherwise. */
function targetOf({ constants, index, facts }: Surroundings, output: string, axis: number, channels: number): Target {
  const shape = facts.get(output)!.dims!;
  const constant = (name: string | undefined) => (name ? constants.get(name) : undefined);
  const own = { value: output, scale: undefined };
  let scale: Float64Array | undefined;
  for (let value = output; ; ) {
    const next = onlyConsumer(index, value);
    if (!next || !isSameShape(facts.get(next.outputs[0]!)?.dims, shape)) return own;
    const map = affineOf(next, constant);
    if (!map)
      return next.type === 'Add' && next.inputs[0] !== next.inputs[1] ? { value: next.outputs[0]!, scale } : own;
    if (!isPerChannel(map, shape.length, axis === 1 ? 1 : -1, channels)) return own;
    scale = Float64Array.from({ length: channels }, (_, c) => at(scale, c) * at(map.scale, c));
    if (scale.some((factor) => factor === 0)) return own;
    value = next.outputs[0]!;
  }
}

const at = (factors: Float64Array | undefined, channel: number) =>
  factors ? factors[factors.length === 1 ? 0 : channel]! : 1;

function isSameShape(a: readonly Dim[] | undefined, b: readonly Dim[]): boolean {
  return a?.length === b.length && b.every((dim, axis) => dim !== undefined && dim === a[axis]);
}

function onlyConsumer({ consumers, outputs }: GraphIndex, value: string): Node | undefined {
  const nodes = consumers.get(value);
  return nodes?.length === 1 && !outputs.has(value) ? nodes[0] : undefined;
}

/** Positions of each sample that are looked at: so many, and more where the layer has many weights per output. */
const POSITIONS = 64;
const INPUTS_PER_POSITION = 8;

/** Odd, so that positions of all phases of a later stride or pooling are among them. */
function stepOf({ inputs }: MatrixLayout, dims: readonly Dim[], axis: number): number {
  const sizes = dims.filter((_, k) => k !== 0 && k !== axis);
  if (!sizes.every((size) => typeof size === 'number')) return 1;
  const wanted = Math.max(POSITIONS, inputs / INPUTS_PER_POSITION);
  let step = 1;
  while (elementCount(sizes.map((size) => Math.ceil(size / (step + 2)))) >= wanted) step += 2;
  return step;
}

/** Puts layers into stages, and takes back sums that depend on layers fitted later. */
function stageLayers(model: Model, layers: readonly RefitLayer[]): void {
  const above = new Map<string, ReadonlySet<RefitLayer>>();
  for (const node of model.graph.nodes) {
    const reached = new Set([...usedValues(node)].flatMap((name) => [...(above.get(name) ?? [])]));
    for (const layer of layers) if (layer.node === node) reached.add(layer);
    for (const output of node.outputs) above.set(output, reached);
  }
  for (const [place, layer] of layers.entries()) {
    const before = (value: string) => [...(above.get(value) ?? [])].filter((other) => other.node !== layer.node);
    const { node, target } = layer;
    if (target && before(target.value).some((other) => layers.indexOf(other) > place))
      layer.target = { value: keyOf(node), scale: undefined };
    const depends = before(layer.target?.value ?? node.inputs[0]!);
    layer.stage = 1 + Math.max(-1, ...depends.map(({ stage }) => stage));
  }
}

/** What is not as it was in a model without some channels. */
export function affectedBy(model: Model, removed: RemovedChannels): Affected {
  const consumers = [...removed].flatMap(([group, channels]) => (channels.size ? group.consumers : []));
  const weights = new Set(consumers.flatMap(({ weight }) => (weight ? [weight.value] : [])));
  const lost = new Set(consumers.map(({ node }) => keyOf(node)));
  const values = new Set<string>();
  for (const node of model.graph.nodes)
    if (lost.has(keyOf(node)) || [...usedValues(node)].some((name) => values.has(name)))
      for (const output of node.outputs) values.add(output);
  return { weights, values };
}
