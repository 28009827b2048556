import { inferValueTypes, type ValueFacts, valueBytes } from '../analysis/value-types.js';
import { usedValues } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { executionOrder } from '../runtime/execution-order.js';

/**
 * Bytes of the values that a graph holds at once, each freed after its last use, in the order in which ONNX Runtime runs it.
 * Inputs and outputs lie in arrays of the caller and are not counted; values whose size cannot be told count nothing.
 * @param typical inputs of a typical batch, whose sizes stand for the symbols of the graph; sizes that it fixes stay.
 * @param known types and shapes that the graph does not tell.
 */
export async function peakActivationBytes(
  model: Model,
  typical: NamedValues,
  known: ReadonlyMap<string, ValueFacts> = new Map(),
): Promise<number> {
  const facts = new Map([...(await inferSizes(model, typical)), ...known]);
  for (const { name } of model.graph.outputs) facts.delete(name);
  const nodes = executionOrder(model.graph);
  const lastUse = new Map(nodes.flatMap((node, place) => [...usedValues(node)].map((name) => [name, place] as const)));
  const endingAt = new Map<number, number>();
  let held = 0;
  let most = 0;
  for (const [place, node] of nodes.entries()) {
    for (const output of node.outputs) {
      const bytes = valueBytes(facts.get(output)) ?? 0;
      const last = lastUse.get(output) ?? place;
      held += bytes;
      endingAt.set(last, (endingAt.get(last) ?? 0) + bytes);
    }
    most = Math.max(most, held);
    held -= endingAt.get(place) ?? 0;
  }
  return most;
}

/** Types and shapes of a graph's values for a typical batch. */
export async function inferSizes(model: Model, typical: NamedValues): Promise<Map<string, ValueFacts>> {
  const sized = model.clone();
  const sizes = typicalSizes(model, typical);
  for (const info of sized.graph.inputs)
    if (info.type?.kind === 'tensor')
      info.type = {
        ...info.type,
        shape: info.type.shape?.map((dim, axis) =>
          typeof dim === 'number' ? dim : (sizes.get(dim ?? '') ?? typical[info.name]?.dims[axis]),
        ),
      };
  return inferValueTypes(sized);
}

/** Sizes of the symbols in the shapes of a graph's inputs, as a typical batch has them. */
export function typicalSizes({ graph }: Model, typical: NamedValues): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { name, type } of graph.inputs)
    if (type?.kind === 'tensor')
      for (const [axis, dim] of (type.shape ?? []).entries()) {
        const size = typical[name]?.dims[axis];
        if (typeof dim === 'string' && size !== undefined) sizes.set(dim, size);
      }
  return sizes;
}
