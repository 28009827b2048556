import { captures, type Graph } from '../ir/graph.js';
import type { Node } from '../ir/node.js';

/**
 * Puts replacements wherever values are taken or made: in nodes, in graphs inside them, in outputs of those. A chain of
 * replacements is followed to its end. One sweep, however many names there are.
 */
export function rewire(graph: Graph, replacements: ReadonlyMap<string, string>): void {
  if (!replacements.size) return;
  const follow = (name: string): string => {
    let end = name;
    for (let next = replacements.get(end); next !== undefined; next = replacements.get(end)) end = next;
    return end;
  };
  for (const node of graph.nodes) rewireNode(node, follow);
}

function rewireNode(node: Node, follow: (name: string) => string): void {
  node.inputs = node.inputs.map(follow);
  node.outputs = node.outputs.map(follow);
  for (const body of node.subgraphs()) {
    const outside = captures(body);
    const followOutside = (name: string) => (outside.has(name) ? follow(name) : name);
    for (const inner of body.nodes) rewireNode(inner, followOutside);
    for (const output of body.outputs) output.name = followOutside(output.name);
  }
}

/**
 * Takes nodes that hand a value on unchanged out of a graph. Names of the graph's inputs and outputs stay: where the
 * node makes an output, the maker of its source makes that output instead.
 */
export class Bypass {
  private readonly replacements = new Map<string, string>();
  private readonly gone = new Set<Node>();
  private readonly outputs: ReadonlySet<string>;
  private readonly made: ReadonlySet<string>;

  constructor(private readonly graph: Graph) {
    this.outputs = new Set(graph.outputs.map((output) => output.name));
    this.made = new Set(graph.nodes.flatMap((node) => node.outputs));
  }

  /** How many nodes were taken out. */
  get size(): number {
    return this.gone.size;
  }

  /** Has `node`, whose only output in use is its first, replaced by `source`. @returns false where a name forbids it. */
  take(node: Node, source: string): boolean {
    const target = node.outputs[0]!;
    const origin = this.current(source);
    if (!this.outputs.has(target)) this.replacements.set(target, origin);
    else if (this.made.has(origin) && !this.outputs.has(origin)) this.replacements.set(origin, target);
    else return false;
    this.gone.add(node);
    return true;
  }

  /** The name that a value will have once the bypass is done. */
  current(name: string): string {
    const next = this.replacements.get(name);
    return next === undefined ? name : this.current(next);
  }

  /** Makes the changes; call it once, at the end of a sweep. */
  apply(): void {
    this.graph.removeNodes(this.gone);
    rewire(this.graph, this.replacements);
  }
}
