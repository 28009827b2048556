import { type Graph, usedValues } from '../../ir/graph.js';
import type { Node } from '../../ir/node.js';
import type { Pass } from '../pass.js';

/** Removes nodes whose outputs nobody takes, and initializers and recorded types that nothing refers to. */
export const removeDeadNodes: Pass = {
  name: 'remove-dead-nodes',
  description: 'Nodes and constants that no output depends on are gone',
  run(model) {
    return { changed: sweep(model.graph) };
  },
};

/** Cleans a graph and the graphs in what is left of it, inner ones first, so that what they captured can go too. */
function sweep(graph: Graph): number {
  let changed = 0;
  for (const node of graph.nodes) for (const body of node.subgraphs()) changed += sweep(body);
  const { producer } = graph.index();
  const live = new Set<Node>();
  const taken = new Set(graph.outputs.map((output) => output.name));
  const open = [...taken];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = producer.get(name);
    if (!node || live.has(node)) continue;
    live.add(node);
    for (const used of usedValues(node)) {
      taken.add(used);
      open.push(used);
    }
  }
  const dead = graph.nodes.length - live.size;
  if (dead) graph.nodes = graph.nodes.filter((node) => live.has(node));
  changed += dead + dropConstants(graph, taken);
  if (changed) forgetTypes(graph);
  return changed;
}

function dropConstants(graph: Graph, taken: ReadonlySet<string>): number {
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const unused = [...graph.initializers.keys()].filter((name) => !taken.has(name) && !inputs.has(name));
  for (const name of unused) graph.initializers.delete(name);
  return unused.length;
}

function forgetTypes(graph: Graph): void {
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  for (const name of graph.valueInfos.keys()) if (!made.has(name)) graph.valueInfos.delete(name);
}
