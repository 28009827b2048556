import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import type { Random } from '../random.js';
import { allowPlainInitializers } from './cleanup/initializers-out-of-inputs.js';

/** Operators between the last layer and the scores that work on any number of classes. */
const BEHIND_HEAD = new Set([
  'Identity',
  'Softmax',
  'LogSoftmax',
  'Sigmoid',
  'Flatten',
  'Squeeze',
  'Cast',
  'Transpose',
]);

/** Operators that average scores over pixels or tokens, and what may come before. */
const AVERAGES = new Set(['GlobalAveragePool', 'AveragePool', 'ReduceMean']);
const PIXELWISE = new Set([...AVERAGES, 'Relu']);

/** Operators that scores are brought to another scale with: a temperature, or the factor of cosines. */
const SCALES = new Set(['Mul', 'Div']);

/** The layers that scores can come from: the axis of the classes in the weight that they compute with. */
const HEADS: Readonly<Record<string, (node: Node, weight: Tensor) => number>> = {
  Gemm: (node) => (node.int('transB', 0) ? 0 : 1),
  MatMul: (_, weight) => weight.dims.length - 1,
  Conv: () => 0,
};

/** The last layer of a classifier. */
export interface Head {
  node: Node;
  /** Names of its constants: the weight, and the bias where there is one. */
  constants: string[];
  /** Classes that it tells apart. */
  classes: number;
}

/** A constant of the head, the axis of its classes, and the node that takes it. */
interface HeadConstant {
  name: string;
  tensor: Tensor;
  axis: number;
  user: Node;
  isShared: boolean;
}

interface HeadParts {
  node: Node;
  weight: HeadConstant;
  bias: HeadConstant | undefined;
  /** Reshape nodes behind the layer, from the last one on. */
  reshapes: Node[];
}

/**
 * Gives a classifier, in place, a last layer for another number of classes, with small random weights (uniform within
 * 1/√inputs, as PyTorch begins a dense layer) and no bias.
 * @param output output that holds the scores.
 * @throws UserError where the scores come from no dense layer or convolution
 */
export function replaceHead(model: Model, output: string, classes: number, random: Random): Head {
  const { node, weight, bias, reshapes } = findHead(model, output);
  const before = weight.tensor.dims[weight.axis]!;
  for (const reshape of reshapes) reshapeTo(model, reshape, before, classes);
  const inputs = weight.tensor.size / before;
  const bound = 1 / Math.sqrt(inputs);
  const constants = [
    setConstant(model, weight, classes, () => bound * (2 * random() - 1)),
    ...(bias ? [setConstant(model, bias, classes, () => 0)] : []),
  ];
  forgetShapes(model, node, before, classes);
  return { node, constants, classes };
}

/** Names of the constants of a classifier's last layer. @throws UserError as `replaceHead` does */
export function headConstants(model: Model, output: string): string[] {
  const { weight, bias } = findHead(model, output);
  return [weight.name, ...(bias ? [bias.name] : [])];
}

function findHead(model: Model, output: string): HeadParts {
  const { producer, consumers } = model.graph.index();
  const constants = new Map([...model.graph.initializers, ...model.constants()]);
  const source = (name: string): { name: string; flipped: boolean } | undefined => {
    if (constants.has(name)) return { name, flipped: false };
    const node = producer.get(name);
    return node?.type === 'Transpose' && constants.has(node.inputs[0]!)
      ? { name: node.inputs[0]!, flipped: true }
      : undefined;
  };
  let bias: { name: string; user: Node } | undefined;
  const reshapes: Node[] = [];
  let averaged = false;
  let node = producer.get(output);
  while (node && !HEADS[node.type]) {
    averaged ||= AVERAGES.has(node.type);
    if (node.type === 'Reshape') reshapes.push(node);
    const added: string | undefined =
      node.type === 'Add' ? node.inputs.find((input) => constants.has(input)) : undefined;
    const factor = SCALES.has(node.type) ? node.inputs.find((input) => constants.get(input)?.size === 1) : undefined;
    const passes = BEHIND_HEAD.has(node.type) || reshapes.includes(node) || (averaged && PIXELWISE.has(node.type));
    if (added === undefined ? !passes && factor === undefined : bias !== undefined) throw noHead(model, node);
    if (added !== undefined) bias = { name: added, user: node };
    const constant = added ?? factor;
    node = producer.get(node.inputs.find((input) => input !== constant)!);
  }
  const found = node && source(node.inputs[1]!);
  if (!node || !found) throw noHead(model, node);
  const isShared = (name: string) => (consumers.get(name)?.length ?? 0) > 1;
  const tensor = constants.get(found.name)!;
  if (isShared(found.name)) throw noHead(model, node, ', whose weight other nodes use too');
  if (tensor.type !== 'float32') throw noHead(model, node, `, whose weight is ${tensor.type}`);
  const axis = HEADS[node.type]!(node, tensor);
  const weight = {
    ...{ name: found.name, tensor, user: node, isShared: false },
    axis: found.flipped ? tensor.dims.length - 1 - axis : axis,
  };
  const own = node.inputs[2];
  if (!bias && own && constants.has(own)) bias = { name: own, user: node };
  if (!bias) return { node, weight, bias, reshapes };
  const values = constants.get(bias.name)!;
  if (values.size !== tensor.dims[weight.axis]) throw noHead(model, node);
  const biasAxis = axisOfBias(node, values.dims, tensor.dims.length - 2);
  return { node, weight, reshapes, bias: { ...bias, tensor: values, axis: biasAxis, isShared: isShared(bias.name) } };
}

/** The axis of a bias that holds the classes: the only one longer than 1, if there is one. */
function axisOfBias(node: Node, dims: readonly number[], spatialAxes: number): number {
  const longest = dims.findIndex((dim) => dim > 1);
  if (longest >= 0) return longest;
  return Math.max(0, dims.length - 1 - (node.type === 'Conv' ? spatialAxes : 0));
}

/** Gives a Reshape whose last axis holds the classes their new number. @throws UserError where it may be another one */
function reshapeTo(model: Model, node: Node, before: number, classes: number): void {
  const name = node.inputs[1]!;
  const joined = model.graph.index().producer.get(name);
  const parts = joined?.type === 'Concat' ? joined.inputs : [name];
  const ending = model.constant(parts.at(-1)!)?.toNumbers();
  const last = ending?.at(-1);
  if (last === -1) return;
  if (!ending || last !== before) throw noHead(model, node);
  allowPlainInitializers(model);
  const sizes = [...ending.slice(0, -1), classes];
  const own = model.addInitializer(Tensor.from(`${node.label}/shape`, 'int64', [sizes.length], sizes));
  node.inputs[1] = parts.length > 1 ? joinBefore(model, node, [...parts.slice(0, -1), own]) : own;
}

/** A shape joined of parts, by a Concat of its own before `node`: others may use the old one. */
function joinBefore(model: Model, node: Node, parts: readonly string[]): string {
  const { nodes } = model.graph;
  const shape = model.freshName(`${node.label}/shape`);
  const join = new Node({ op: 'Concat', name: shape, inputs: parts, outputs: [shape], attributes: { axis: 0 } });
  nodes.splice(nodes.indexOf(node), 0, join);
  return shape;
}

function noHead(model: Model, node: Node | undefined, why = ''): UserError {
  const what = node ? `its scores come from ${node.label} (${node.type})${why}` : 'its scores come from no layer';
  return new UserError(`the last layer cannot be replaced: ${what}`, {
    file: model.source?.path,
    mend: 'export the model with a dense layer (or a 1x1 convolution) as its last one',
  });
}

/** Gives a constant other values, and its classes another number; one that others share too is left to them. */
function setConstant(model: Model, constant: HeadConstant, classes: number, next: () => number): string {
  const { graph } = model;
  const { name, tensor, axis, user } = constant;
  const dims = tensor.dims.map((dim, k) => (k === axis ? classes : dim));
  const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, next);
  const replacement = Tensor.of(name, 'float32', dims, values);
  if (constant.isShared) {
    allowPlainInitializers(model);
    const own = model.addInitializer(replacement);
    user.inputs = user.inputs.map((input) => (input === name ? own : input));
    return own;
  }
  if (graph.initializers.has(name)) graph.initializers.set(name, replacement);
  for (const input of graph.inputs)
    if (input.name === name) input.type = { kind: 'tensor', elem: 'float32', shape: dims };
  for (const node of graph.nodes)
    if (node.type === 'Constant' && node.outputs[0] === name) {
      node.attributes.clear();
      node.set('value', replacement);
    }
  return name;
}

/** Recorded shapes may speak of the old classes; those of the outputs are put right. */
function forgetShapes({ graph }: Model, head: Node, before: number, after: number): void {
  graph.valueInfos.clear();
  for (const info of graph.outputs) {
    if (info.type?.kind !== 'tensor' || !info.type.shape) continue;
    const { shape } = info.type;
    const classes = head.type === 'Conv' ? shape.indexOf(before, 1) : shape.lastIndexOf(before);
    info.type = { ...info.type, shape: shape.map((dim, axis) => (axis === classes ? after : dim)) };
  }
}
