import { isFilterBank, meetsRoot } from '../analysis/filter-bank.js';
import type { Graph } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { HANDS_ON } from '../ops/forms.js';

/** A constant of a model that training may change. */
export interface Parameter {
  /** The initializer, or the output of the Constant node, that holds it. */
  name: string;
  tensor: Tensor;
  /** The node that computes with it, for patterns and messages. */
  consumer: Node;
  /** Which of the consumer's inputs it is, itself or by way of nodes that hand it on. */
  position: number;
  /** Where its consumer stands among those of all parameters, 0 for the first. */
  depth: number;
  /** True where weight decay applies: matrices and kernels, not biases and norms. */
  decays: boolean;
  /** True for running statistics, which each step sets and no gradient moves. */
  isStatistic?: boolean;
  /** True for what belongs to the loss, such as a projection of features: it is thrown away when training ends. */
  isAuxiliary?: boolean;
}

/** Inputs of operators that are no parameters, by position, though they hold floats. */
const SETTINGS: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [3, 4],
  Clip: [1, 2],
  DequantizeLinear: [1],
  Dropout: [1, 2],
  Pad: [2],
  Pow: [1],
  QuantizeLinear: [1],
  Resize: [1, 2],
  OneHot: [2],
  Where: [0],
  Range: [0, 1, 2],
  STFT: [2],
};

/** Operators on two values, of which one alone may come from data that no layer has seen yet. */
const PREPROCESSING = new Set(['Add', 'Sub', 'Mul', 'Div']);

/** Constants as large as this mask something out. */
const MASK = 1e4;

/** A node that brings a constant, or what is computed from constants alone, together with data. */
interface Use {
  node: Node;
  /** The name under which it takes it. */
  as: string;
}

/**
 * The float32 constants of the main graph that training may change, in the order in which the graph uses them: all but
 * single numbers (scalars, those in Constant nodes, and what keeps a root from zero), settings of operators, running
 * statistics, masks, what an input is shifted or scaled by before the first layer, and the filters of log-mel features.
 */
export function findParameters(model: Model): Parameter[] {
  const { graph } = model;
  graph.sort();
  const usesOf = constantUses(model);
  const raw = untouchedInputs(graph);
  const { consumers: takers } = graph.index();
  const isEpsilon = ({ node }: Use, { size }: Tensor) => size === 1 && node.type === 'Add' && meetsRoot(node, takers);
  const order = new Map(graph.nodes.map((node, place) => [node, place]));
  const found: Omit<Parameter, 'depth'>[] = [];
  for (const [name, tensor] of model.constants()) {
    if (tensor.type !== 'float32' || !canBeWeights(name, tensor, graph)) continue;
    const uses = usesOf(name);
    const isFixed = (use: Use) =>
      isSetting(use) ||
      isFactor(use, tensor) ||
      isEpsilon(use, tensor) ||
      shiftsInput(use, raw) ||
      isFilterBank(use.node, tensor, takers);
    if (uses.every(isFixed)) continue;
    const { node: consumer, as } = uses[0]!;
    const position = consumer.inputs.indexOf(as);
    found.push({ name, tensor, consumer, position, decays: tensor.dims.filter((dim) => dim > 1).length > 1 });
  }
  found.sort((a, b) => order.get(a.consumer)! - order.get(b.consumer)!);
  const consumers = [...new Set(found.map(({ consumer }) => consumer))];
  return found.map((parameter) => ({ ...parameter, depth: consumers.indexOf(parameter.consumer) }));
}

function canBeWeights(name: string, tensor: Tensor, graph: Graph): boolean {
  if (!tensor.size || !tensor.dims.length || (tensor.size === 1 && !graph.initializers.has(name))) return false;
  return tensor.toFloats().every((value) => Math.abs(value) < MASK);
}

const isSetting = ({ node, as }: Use) =>
  node.inputs.every((input, place) => input !== as || SETTINGS[node.type]?.includes(place));

/** A single number that a value is multiplied or divided by, as attention is by the root of its width. */
const isFactor = ({ node }: Use, { size }: Tensor) => size === 1 && (node.type === 'Mul' || node.type === 'Div');

const shiftsInput = ({ node, as }: Use, raw: ReadonlySet<string>) =>
  PREPROCESSING.has(node.type) && node.inputs.some((input) => input !== as && raw.has(input));

/** Gives the uses of a constant. */
function constantUses(model: Model): (name: string) => Use[] {
  const { consumers } = model.graph.index();
  const constant = new Set(model.constants().keys());
  for (const { inputs, outputs } of model.graph.nodes)
    if (inputs.length && inputs.every((input) => !input || constant.has(input)))
      for (const output of outputs) constant.add(output);
  return (name) => {
    const uses: Use[] = [];
    const names = new Set([name]);
    for (const as of names)
      for (const node of consumers.get(as) ?? [])
        if (isSetting({ node, as }) || !constant.has(node.outputs[0]!)) uses.push({ node, as });
        else for (const output of node.outputs) names.add(output);
    return uses;
  };
}

/** Values that hold an input as it came, shifted or scaled at most. */
function untouchedInputs(graph: Graph): Set<string> {
  const raw = new Set(graph.inputs.map(({ name }) => name).filter((name) => !graph.initializers.has(name)));
  const computed = new Set(graph.nodes.flatMap((node) => (node.type === 'Constant' ? [] : node.outputs)));
  for (const node of graph.nodes) {
    if (!HANDS_ON.has(node.type) && !PREPROCESSING.has(node.type)) continue;
    const sources = node.inputs.filter((input) => raw.has(input) || computed.has(input));
    if (sources.length && sources.every((input) => raw.has(input))) for (const output of node.outputs) raw.add(output);
  }
  return raw;
}

/** Parameters one after the other in one vector. */
export interface Layout {
  slots: readonly Slot[];
  /** Elements of all of them. */
  length: number;
}

/** Where a parameter lies. */
export interface Slot {
  name: string;
  dims: readonly number[];
  offset: number;
  length: number;
}

/** Lays parameters out in a vector, those of one group side by side. */
export function layOut(parameters: readonly { name: string; tensor: Tensor }[]): Layout {
  let length = 0;
  const slots = parameters.map(({ name, tensor: { dims, size } }) => {
    const slot = { name, dims, offset: length, length: size };
    length += size;
    return slot;
  });
  return { slots, length };
}

/** The part of a vector that holds a parameter. */
export function slice(vector: Float32Array, { offset, length }: Slot): Float32Array {
  return vector.subarray(offset, offset + length);
}

/** A vector of parameters in the order of another layout, which has the same ones. */
export function rearranged(vector: Float32Array, from: Layout, to: Layout): Float32Array {
  if (from.slots.every(({ name }, k) => name === to.slots[k]?.name)) return vector;
  const places = new Map(from.slots.map((slot) => [slot.name, slot]));
  const arranged = new Float32Array(to.length);
  for (const slot of to.slots) arranged.set(slice(vector, places.get(slot.name)!), slot.offset);
  return arranged;
}
