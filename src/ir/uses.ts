import type { Graph } from './graph.js';
import type { Node } from './node.js';

/** Every value a node needs: its inputs and what its subgraphs capture from outside. */
export function usedValues(node: Node): Set<string> {
  const used = new Set<string>();
  for (const input of node.inputs) if (input) used.add(input);
  for (const graph of node.subgraphs()) for (const name of captures(graph)) used.add(name);
  return used;
}

/** Names that a subgraph takes from the graphs around it. */
export function captures(graph: Graph): Set<string> {
  const inside = definitions(graph);
  const outside = new Set<string>();
  for (const node of graph.nodes) for (const name of usedValues(node)) if (!inside.has(name)) outside.add(name);
  for (const output of graph.outputs) if (!inside.has(output.name)) outside.add(output.name);
  return outside;
}

/** Names that a graph itself gives to values: inputs, initializers and outputs of nodes. */
export function definitions(graph: Graph): Set<string> {
  const names = new Set<string>(graph.initializers.keys());
  for (const input of graph.inputs) names.add(input.name);
  for (const node of graph.nodes) for (const output of node.outputs) if (output) names.add(output);
  return names;
}

/**
 * The nodes that some values are computed by.
 * @param known nodes that are left out, with what they alone are computed by.
 */
export function ancestorsOf(
  values: Iterable<string>,
  producer: ReadonlyMap<string, Node>,
  known: { has(node: Node): boolean } = new Set(),
): Set<Node> {
  const found = new Set<Node>();
  const open = [...values];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = producer.get(name);
    if (!node || found.has(node) || known.has(node)) continue;
    found.add(node);
    open.push(...usedValues(node));
  }
  return found;
}

/** Puts new names wherever a node takes or gives the old ones. `names` has no chains. */
export function renameInNode(node: Node, names: ReadonlyMap<string, string>): void {
  replaceInNode(node, names);
  node.outputs = node.outputs.map((name) => names.get(name) ?? name);
}

/** Puts new names wherever a node takes the old ones, in subgraphs where they are captured. `names` has no chains. */
export function replaceInNode(node: Node, names: ReadonlyMap<string, string>): void {
  if (node.inputs.some((input) => names.has(input)))
    node.inputs = node.inputs.map((input) => names.get(input) ?? input);
  for (const graph of node.subgraphs()) {
    const captured = new Map([...captures(graph)].filter((name) => names.has(name)).map((n) => [n, names.get(n)!]));
    if (captured.size) replaceCaptured(graph, captured);
  }
}

function replaceCaptured(graph: Graph, names: ReadonlyMap<string, string>): void {
  const inside = definitions(graph);
  for (const replacement of new Set(names.values())) if (inside.has(replacement)) giveWay(graph, replacement);
  replaceInGraph(graph, names);
}

/** Renames a value that a subgraph defines, so that the outer value of that name can be taken there. */
function giveWay(graph: Graph, name: string): void {
  const taken = new Set<string>();
  for (const inner of graph.walk()) {
    for (const used of captures(inner)) taken.add(used);
    for (const defined of definitions(inner)) taken.add(defined);
  }
  let count = 1;
  while (taken.has(`${name}_inner${count}`)) count++;
  const fresh = `${name}_inner${count}`;
  const rename = (value: string) => (value === name ? fresh : value);
  for (const input of graph.inputs) input.name = rename(input.name);
  graph.sparse = new Set([...graph.sparse].map(rename));
  graph.initializers = new Map([...graph.initializers].map(([key, t]) => [rename(key), t.renamed(rename(key))]));
  graph.valueInfos.delete(name);
  for (const node of graph.nodes) node.outputs = node.outputs.map(rename);
  replaceInGraph(graph, new Map([[name, fresh]]));
}

function replaceInGraph(graph: Graph, names: ReadonlyMap<string, string>): void {
  for (const node of graph.nodes) replaceInNode(node, names);
  for (const output of graph.outputs) output.name = names.get(output.name) ?? output.name;
}

/**
 * Follows each replacement to its end: `a → b` and `b → c` give `a → c`.
 * @throws RangeError where replacements go in a circle.
 */
export function resolveChains(replacements: ReadonlyMap<string, string>): Map<string, string> {
  const ends = new Map<string, string>();
  for (const start of replacements.keys()) {
    const path: string[] = [];
    let end = start;
    while (!ends.has(end) && replacements.has(end)) {
      path.push(end);
      end = replacements.get(end)!;
      if (path.length > replacements.size) throw new RangeError(`the replacements of ${start} go in a circle`);
    }
    end = ends.get(end) ?? end;
    for (const name of path) ends.set(name, end);
  }
  return ends;
}
