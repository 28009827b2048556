import { type Scope, scopes } from '../../analysis/scopes.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';
import { isFloat } from '../../ir/types.js';
import { SUMMED_WEIGHTS } from '../../ops/summed-weights.js';

/** A constant that an operator multiplies by. */
export interface Weight {
  /** The node that multiplies by it first. */
  node: Node;
  tensor: Tensor;
  /** Axis of the tensor along which products are summed. */
  axis: number;
}

/** A constant, and which of its axes each axis of a value is. */
interface Source {
  tensor: Tensor;
  axes: readonly number[];
}

/** Every float matrix and kernel that an operator multiplies by, subgraphs included, once each. */
export function findWeights(model: Model): Weight[] {
  const found = new Map<Tensor, Weight>();
  for (const scope of scopes(model)) {
    const { producer } = scope.graph.index();
    for (const node of scope.graph.nodes)
      for (const { input, axis } of SUMMED_WEIGHTS[node.type] ?? []) {
        const source = sourceOf(node.inputs[input], scope, producer);
        if (!source || !isFloat(source.tensor.type) || source.axes.length < 2 || found.has(source.tensor)) continue;
        const summed = source.axes[axis(node, source.axes.length)]!;
        found.set(source.tensor, { node, tensor: source.tensor, axis: summed });
      }
  }
  return [...found.values()];
}

/** The constant behind a value, perhaps transposed or cast on the way. */
function sourceOf(name: string | undefined, scope: Scope, producer: ReadonlyMap<string, Node>): Source | undefined {
  const tensor = scope.constant(name);
  if (tensor) return { tensor, axes: tensor.dims.map((_, axis) => axis) };
  const node = name ? producer.get(name) : undefined;
  if (!node || !['Identity', 'Cast', 'Transpose'].includes(node.type)) return undefined;
  const source = sourceOf(node.inputs[0], scope, producer);
  if (!source || node.type !== 'Transpose') return source;
  const order = node.ints('perm') ?? source.axes.map((_, axis) => axis).reverse();
  return { ...source, axes: order.map((axis) => source.axes[axis]!) };
}

/** Puts other tensors in the place of initializers. */
export function replaceInitializers(model: Model, replacements: ReadonlyMap<Tensor, Tensor>): void {
  for (const { initializers } of model.graph.walk())
    for (const [name, tensor] of initializers) {
      const other = replacements.get(tensor);
      if (other) initializers.set(name, other);
    }
}
