import type { Model } from '../ir/model.js';
import { Tensor } from '../ir/tensor.js';
import { type Layout, slice } from './parameters.js';

/** The parameters of a vector as constants, by name. The vector is copied: training may go on. */
export function tensorsOf(layout: Layout, vector: Float32Array): Map<string, Tensor> {
  return new Map(
    layout.slots.map((slot) => [slot.name, Tensor.of(slot.name, 'float32', slot.dims, slice(vector, slot).slice())]),
  );
}

/** A copy of a model with other values in its initializers and Constant nodes; everything else stays as it is. */
export function withWeights(original: Model, weights: ReadonlyMap<string, Tensor>): Model {
  const model = original.clone();
  const { graph } = model;
  for (const [name, tensor] of weights) if (graph.initializers.has(name)) graph.initializers.set(name, tensor);
  for (const node of graph.nodes) {
    const tensor = node.type === 'Constant' ? weights.get(node.outputs[0]!) : undefined;
    if (!tensor) continue;
    node.attributes.clear();
    node.set('value', tensor.renamed(''));
  }
  return model;
}
