import type { Graph } from '../ir/graph.js';

/** The values of a graph that depend on what it is fed: its inputs, and what is computed from them. */
export function computedValues(graph: Graph): Set<string> {
  const names = graph.inputs.map(({ name }) => name);
  const computed = new Set(names.filter((name) => !graph.initializers.has(name)));
  graph.sort();
  for (const { inputs, outputs } of graph.nodes)
    if (inputs.some((name) => computed.has(name))) for (const output of outputs) if (output) computed.add(output);
  return computed;
}
