import { UserError } from '../errors.js';
import { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { computeStatistics, countPerChannel } from '../ops/gradients/batch-normalization.js';

/** A running statistic of a batch normalization: state that each training step moves on. */
export interface RunningStatistic {
  /** The input of the training graph that holds it; in the original model the constant of that name. */
  name: string;
  /** Its value before the first step. */
  tensor: Tensor;
  /** The value of the graph that holds it after the step. */
  next: string;
}

/**
 * Puts the BatchNormalization nodes of a main graph into training form: they normalize with the mean and the variance of
 * the batch, so that they have to be there when the model is differentiated. Running statistics become inputs, and
 * their next values follow PyTorch: running · momentum + batch · (1 − momentum) with the unbiased variance.
 *
 * The nodes keep their operator, with `training_mode` 1 and momentum 0, so that ONNX Runtime's fused kernel gives the
 * statistics of the batch as second and third output. That kernel writes them over its inputs 3 and 4, whoever else
 * needs these (onnxruntime issue 29790): it is given copies. It is there up to operator set 20 and on the CPU alone:
 * elsewhere `lowerBatchNorms` has to follow.
 * @param isTrained leaves a node out; it keeps its constant statistics.
 */
export function trainBatchNorms(model: Model, isTrained: (node: Node) => boolean = () => true): RunningStatistic[] {
  const { graph } = model;
  const constants = model.constants();
  const statistics = new Map<string, RunningStatistic>();
  for (const node of graph.nodes.filter(({ type }) => type === 'BatchNormalization').filter(isTrained)) {
    const tensors = [3, 4].map((position) => constants.get(node.inputs[position]!));
    if (tensors.some((tensor) => !tensor)) continue;
    const g = new Emitter(model, 'statistics');
    const momentum = node.float('momentum', 0.9);
    node.set('training_mode', 1);
    node.set('momentum', { float: 0 });
    for (const output of [1, 2]) node.outputs[output] ||= model.freshName(`${node.label}/statistics`);
    for (const [k, batch] of [node.outputs[1]!, unbiased(g, node)].entries()) {
      const { name } = tensors[k]!;
      const current = statistics.get(name)?.next ?? name;
      node.inputs[3 + k] = g.mul(current, 0);
      const next = g.add(g.mul(current, momentum), g.mul(batch, 1 - momentum));
      statistics.set(name, { name, tensor: tensors[k]!, next });
    }
  }
  for (const { name, tensor } of statistics.values()) becomeInput(model, name, tensor);
  graph.sort();
  return [...statistics.values()];
}

/** The variance of a batch as an estimate of the population's: times n / (n − 1). */
function unbiased(g: Emitter, node: Node): string {
  const count = countPerChannel(g, node.inputs[0]!, node.inputs[1]!);
  return g.mul(node.outputs[2]!, g.div(count, g.op('Max', [g.sub(count, 1), 1])));
}

function becomeInput({ graph }: Model, name: string, tensor: Tensor): void {
  graph.initializers.delete(name);
  graph.nodes = graph.nodes.filter(({ type, outputs }) => type !== 'Constant' || outputs[0] !== name);
  if (!graph.isInput(name))
    graph.inputs.push({ name, type: { kind: 'tensor', elem: tensor.type, shape: tensor.dims } });
}

/**
 * Replaces BatchNormalization nodes in training form by primitives for the statistics and a node of the inference form
 * that takes them, for operator sets above 20 and providers other than the CPU.
 * @param rank gives the number of dimensions of a value.
 * @throws UserError where it is not known
 */
export function lowerBatchNorms(model: Model, rank: (name: string) => number | undefined): void {
  const { graph } = model;
  graph.nodes = graph.nodes.flatMap((node) => {
    if (node.type !== 'BatchNormalization' || !node.int('training_mode', 0)) return [node];
    const nodes: Node[] = [];
    lower(node, new Emitter(model, `${node.label}/statistics`, nodes), rank(node.inputs[0]!));
    return [...nodes, node];
  });
}

function lower(node: Node, g: Emitter, rank: number | undefined): void {
  if (rank === undefined)
    throw new UserError('has a batch normalization of an input with an unknown number of dimensions', {
      file: g.model.source?.path,
      where: `node ${node.label}`,
      mend: 'export the model with shapes',
    });
  const momentum = node.float('momentum', 0.9);
  for (const [k, batch] of computeStatistics(g, node.inputs[0]!, rank).entries()) {
    const running = node.inputs[3 + k]!;
    const output = node.outputs[1 + k];
    if (output) g.rename(momentum ? g.add(g.mul(running, momentum), g.mul(batch, 1 - momentum)) : batch, output);
    node.inputs[3 + k] = output && !momentum ? output : batch;
  }
  node.outputs.length = 1;
  node.set('training_mode', undefined);
  node.set('momentum', undefined);
}
