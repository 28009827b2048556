import type { Model } from '../../ir/model.js';
import { castLikeToCast } from '../cleanup/cast-like-to-cast.js';
import { commonSubexpressions } from '../cleanup/common-subexpressions.js';
import { constantsToInitializers } from '../cleanup/constants-to-initializers.js';
import { foldConstants } from '../cleanup/fold-constants.js';
import { initializersOutOfInputs } from '../cleanup/initializers-out-of-inputs.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { removeIdentities } from '../cleanup/remove-identities.js';
import { type Pass, runPasses } from '../pass.js';

/** Elements of the largest shared constant of which each user gets its own. */
const SMALL = 2 ** 16;

/**
 * Exporters and clean-up store equal vectors once, such as the zero biases or unit scales of two layers. Each user gets
 * its own, so that layers that have nothing else in common can be pruned apart. Shared matrices stay shared.
 */
const ownVectors: Pass = {
  name: 'own-vectors',
  description: 'Layers do not share biases and scales',
  run(model) {
    const { graph } = model;
    const taken = new Set<string>();
    let changed = 0;
    for (const node of graph.nodes)
      node.inputs = node.inputs.map((name) => {
        const tensor = graph.initializers.get(name);
        const isVector = tensor && tensor.dims.filter((size) => size > 1).length === 1 && tensor.size <= SMALL;
        if (!isVector || !taken.has(name)) {
          taken.add(name);
          return name;
        }
        changed++;
        return model.addInitializer(tensor);
      });
    return { changed };
  },
};

/**
 * A cleaned-up copy of a model in which channels can be followed: what does not depend on the inputs is computed, and no
 * two layers share a vector. Batch normalizations stay, as they tell how much channels matter.
 */
export async function prepareForPruning(original: Model): Promise<Model> {
  const model = original.clone();
  await runPasses(model, [
    ...[initializersOutOfInputs, constantsToInitializers, castLikeToCast, foldConstants],
    ...[removeDeadNodes, removeIdentities, commonSubexpressions, removeDeadNodes, ownVectors],
  ]);
  return model;
}
