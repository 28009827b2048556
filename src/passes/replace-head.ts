import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import type { Random } from '../random.js';

/** Operators between the last layer and the scores that work on any number of classes. */
const BEHIND_HEAD = new Set(['Identity', 'Softmax', 'LogSoftmax', 'Sigmoid', 'Flatten', 'Squeeze', 'Cast']);

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

interface HeadParts extends Head {
  weight: { name: string; tensor: Tensor; axis: number };
  bias: { name: string; tensor: Tensor } | undefined;
}

/**
 * Gives a classifier, in place, a last layer for another number of classes, with small random weights (uniform within
 * 1/√inputs, as PyTorch begins a dense layer) and no bias.
 * @param output output that holds the scores.
 * @throws UserError where the scores come from no dense layer or convolution
 */
export function replaceHead(model: Model, output: string, classes: number, random: Random): Head {
  const head = findHead(model, output);
  const { weight, bias } = head;
  const dims = weight.tensor.dims.map((dim, axis) => (axis === weight.axis ? classes : dim));
  const inputs = weight.tensor.size / head.classes;
  const bound = 1 / Math.sqrt(inputs);
  const values = Float32Array.from({ length: inputs * classes }, () => bound * (2 * random() - 1));
  setConstant(model, weight.name, Tensor.of(weight.name, 'float32', dims, values));
  if (bias) {
    const biasDims = bias.tensor.dims.map((dim) => (dim === head.classes ? classes : dim));
    setConstant(model, bias.name, Tensor.of(bias.name, 'float32', biasDims, new Float32Array(classes)));
  }
  forgetShapes(model, head.classes, classes);
  return { node: head.node, constants: head.constants, classes };
}

/** Names of the constants of a classifier's last layer. @throws UserError as `replaceHead` does */
export function headConstants(model: Model, output: string): string[] {
  return findHead(model, output).constants;
}

function findHead(model: Model, output: string): HeadParts {
  const { producer, consumers } = model.graph.index();
  const constants = model.constants();
  const source = (name: string): { name: string; flipped: boolean } | undefined => {
    if (constants.has(name)) return { name, flipped: false };
    const node = producer.get(name);
    return node?.type === 'Transpose' && constants.has(node.inputs[0]!)
      ? { name: node.inputs[0]!, flipped: true }
      : undefined;
  };
  let bias: string | undefined;
  let node = producer.get(output);
  while (node && !HEADS[node.type]) {
    const added: string | undefined =
      node.type === 'Add' ? node.inputs.find((input) => constants.has(input)) : undefined;
    if (added === undefined ? !BEHIND_HEAD.has(node.type) : bias !== undefined) throw noHead(model, node);
    bias ??= added;
    node = producer.get(node.inputs.find((input) => input !== added)!);
  }
  const found = node && source(node.inputs[1]!);
  if (!node || !found) throw noHead(model, node);
  const tensor = constants.get(found.name)!;
  if (tensor.type !== 'float32' || (consumers.get(found.name)?.length ?? 0) > 1) throw noHead(model, node);
  const axis = HEADS[node.type]!(node, tensor);
  const weight = { name: found.name, tensor, axis: found.flipped ? tensor.dims.length - 1 - axis : axis };
  const biasName = bias ?? (constants.has(node.inputs[2] ?? '') ? node.inputs[2] : undefined);
  return {
    node,
    weight,
    bias: biasName === undefined ? undefined : { name: biasName, tensor: constants.get(biasName)! },
    constants: [found.name, ...(biasName === undefined ? [] : [biasName])],
    classes: tensor.dims[weight.axis]!,
  };
}

function noHead(model: Model, node: Node | undefined): UserError {
  const what = node ? `its scores come from ${node.label} (${node.type})` : 'its scores come from no layer';
  return new UserError(`the last layer cannot be replaced: ${what}`, {
    file: model.source?.path,
    mend: 'export the model with a dense layer (or a 1x1 convolution) as its last one',
  });
}

function setConstant(model: Model, name: string, tensor: Tensor): void {
  const { graph } = model;
  if (graph.initializers.has(name)) graph.initializers.set(name, tensor);
  for (const node of graph.nodes)
    if (node.type === 'Constant' && node.outputs[0] === name) {
      node.attributes.clear();
      node.set('value', tensor);
    }
}

/** Recorded shapes may speak of the old classes; those of the outputs are put right. */
function forgetShapes({ graph }: Model, before: number, after: number): void {
  graph.valueInfos.clear();
  for (const info of graph.outputs)
    if (info.type?.kind === 'tensor' && info.type.shape)
      info.type = { ...info.type, shape: info.type.shape.map((dim) => (dim === before ? after : dim)) };
}
