import type { Graph } from '../ir/graph.js';
import { type Model, namesIn } from '../ir/model.js';

/**
 * A copy of a model in which every value, constant and node that none of `known` has bears a short name. Passes name
 * what they add after what they add it to, which reads well; but exporters write long names, and in a file each stands
 * as often as it is used. Inputs and outputs keep their names.
 */
export function withShortNames(model: Model, known: readonly Model[]): Model {
  const copy = model.clone();
  const kept = new Set(known.flatMap((one) => [...namesIn(one)]));
  for (const { name } of [...copy.graph.inputs, ...copy.graph.outputs]) kept.add(name);
  const shortened = new Map<string, string>();
  const candidates = shortNames(new Set([...kept, ...namesIn(copy)]));
  const rename = (name: string): string => {
    if (!name || kept.has(name)) return name;
    const short = shortened.get(name) ?? candidates.next().value!;
    shortened.set(name, short);
    return short;
  };
  for (const graph of copy.graph.walk()) renameIn(graph, rename);
  return copy;
}

/** `q0`, `q1`, … in base 36. */
function* shortNames(taken: ReadonlySet<string>): Generator<string, never> {
  for (let count = 0; ; count++) {
    const name = `q${count.toString(36)}`;
    if (!taken.has(name)) yield name;
  }
}

/** Renames what a graph defines and takes, but for its subgraphs. `rename` gives different names for different names. */
function renameIn(graph: Graph, rename: (name: string) => string): void {
  for (const info of [...graph.inputs, ...graph.outputs]) info.name = rename(info.name);
  graph.sparse = new Set([...graph.sparse].map(rename));
  graph.initializers = new Map(
    [...graph.initializers].map(([name, tensor]) => [rename(name), tensor.renamed(rename(name))]),
  );
  graph.valueInfos = new Map(
    [...graph.valueInfos].map(([name, info]) => [rename(name), { ...info, name: rename(name) }]),
  );
  for (const node of graph.nodes) {
    node.name = rename(node.name);
    node.inputs = node.inputs.map(rename);
    node.outputs = node.outputs.map(rename);
  }
}
