import { cloneNode, type Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';
import { isFloat } from '../../ir/types.js';
import { castLikeToCast } from '../cleanup/cast-like-to-cast.js';
import { commonSubexpressions } from '../cleanup/common-subexpressions.js';
import { constantsToInitializers } from '../cleanup/constants-to-initializers.js';
import { foldConstants } from '../cleanup/fold-constants.js';
import { initializersOutOfInputs } from '../cleanup/initializers-out-of-inputs.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { removeIdentities } from '../cleanup/remove-identities.js';
import { upgradeOpset } from '../opset-upgrade/upgrade-opset.js';
import { type Pass, runPasses } from '../pass.js';

/** From here on sizes, bounds and axes are inputs, and softmax works along one axis; the rules know no other form. */
const OPSET = 13;

/** Elements of the largest shared constant of which each user gets its own. */
const SMALL = 2 ** 16;

/**
 * Exporters and clean-up store equal numbers once, such as the zero biases or unit scales of two layers, and compute
 * initial states of zeros once. Each user gets its own, so that layers that have nothing else in common can be pruned
 * apart; layers that share a matrix go on sharing these too. Anything else is shared because it was trained so.
 */
const ownFills: Pass = {
  name: 'own-fills',
  description: 'Layers do not share zero biases, unit scales and initial states',
  run(model) {
    const { graph } = model;
    const { producer } = graph.index();
    const owned = new Map<string, string>();
    const copies: Node[] = [];
    let changed = 0;
    for (const node of graph.nodes)
      node.inputs = node.inputs.map((name) => {
        const tensor = graph.initializers.get(name);
        const source = producer.get(name);
        if (!(tensor ? isFill(tensor) : source && makesFill(model, source))) return name;
        const user = `${name} ${matricesOf(model, node)}`;
        const known = owned.get(user);
        if (known !== undefined) return known;
        const own = owned.has(name) ? (tensor ? model.addInitializer(tensor) : copyOf(model, source!, copies)) : name;
        changed += Number(own !== name);
        owned.set(name, own).set(user, own);
        return own;
      });
    graph.nodes.push(...copies);
    return { changed };
  },
};

/** True for a small constant of equal numbers. */
function isFill(tensor: Tensor): boolean {
  if (tensor.size <= 1 || tensor.size > SMALL || !isFloat(tensor.type)) return false;
  const values = tensor.values();
  return values.every((value: number | bigint) => value === values[0]);
}

/** True for a node that makes equal numbers of a shape that is computed. */
function makesFill(model: Model, { type, inputs }: Node): boolean {
  return type === 'ConstantOfShape' || (type === 'Expand' && model.graph.initializers.get(inputs[0]!)?.size === 1);
}

/** Which matrices a node computes with; those without any are told apart by what they make. */
function matricesOf({ graph }: Model, node: Node): string {
  const matrices = node.inputs.filter((name) => (graph.initializers.get(name)?.dims.length ?? 0) > 1);
  return (matrices.length ? matrices : node.outputs).join(' ');
}

function copyOf(model: Model, node: Node, copies: Node[]): string {
  const copy = cloneNode(node);
  copy.name = model.freshName(node.name);
  copy.outputs = [model.freshName(node.outputs[0]!)];
  copies.push(copy);
  return copy.outputs[0]!;
}

/**
 * A cleaned-up copy of a model, of opset 13 at least, in which channels can be followed: what does not depend on the
 * inputs is computed, and no two layers share a zero bias. Batch normalizations stay, as they tell how much channels matter.
 */
export async function prepareForPruning(original: Model): Promise<Model> {
  const model = original.clone();
  const upgrade = model.opset < OPSET ? [upgradeOpset(OPSET)] : [];
  await runPasses(model, [
    ...upgrade,
    ...[initializersOutOfInputs, constantsToInitializers, castLikeToCast, foldConstants],
    ...[removeDeadNodes, removeIdentities, commonSubexpressions, removeDeadNodes, ownFills],
  ]);
  return model;
}
