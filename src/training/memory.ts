import { inferValueTypes, type ValueFacts } from '../analysis/value-types.js';
import { usedValues } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { byteLength, elementCount, type NamedValues } from '../ir/types.js';

/**
 * Bytes of the values that a graph holds at once, run node by node in the order in which it is written, each value freed
 * after its last use; its inputs are not counted. Values whose size cannot be told count nothing.
 * @param inputs a typical batch, whose sizes stand for symbols.
 */
export async function peakActivationBytes(model: Model, inputs: NamedValues): Promise<number> {
  const sized = model.clone();
  for (const info of sized.graph.inputs) {
    const value = inputs[info.name];
    if (value) info.type = { kind: 'tensor', elem: value.type, shape: value.dims };
  }
  const facts = await inferValueTypes(sized);
  const { nodes } = sized.graph;
  const lastUse = new Map(nodes.flatMap((node, place) => [...usedValues(node)].map((name) => [name, place] as const)));
  for (const { name } of sized.graph.outputs) lastUse.set(name, nodes.length);
  const endingAt = new Map<number, number>();
  let held = 0;
  let most = 0;
  for (const [place, node] of nodes.entries()) {
    for (const output of node.outputs) {
      const bytes = bytesOf(facts.get(output));
      const last = lastUse.get(output) ?? nodes.length;
      held += bytes;
      endingAt.set(last, (endingAt.get(last) ?? 0) + bytes);
    }
    most = Math.max(most, held);
    held -= endingAt.get(place) ?? 0;
  }
  return most;
}

function bytesOf(facts: ValueFacts | undefined): number {
  if (!facts?.dims?.every((dim) => typeof dim === 'number')) return 0;
  return byteLength(facts.type, elementCount(facts.dims as number[]));
}
