import type { Graph } from '../ir/graph.js';
import { usedValues } from '../ir/graph.js';
import type { Node } from '../ir/node.js';

/** Operators that look at the shape of what they take alone. */
const SHAPE_READERS = new Set(['Shape', 'Size']);

/** What is computed from what in a graph. Stale once the graph changes. */
export class DataFlow {
  private readonly index;
  private readonly below = new Map<string, ReadonlySet<Node>>();

  constructor(graph: Graph) {
    this.index = graph.index();
  }

  producer(name: string): Node | undefined {
    return this.index.producer.get(name);
  }

  /** Nodes that take a value. */
  consumers(name: string): readonly Node[] {
    return this.index.consumers.get(name) ?? [];
  }

  isOutput(name: string): boolean {
    return this.index.outputs.has(name);
  }

  /** Nodes that compute with a value or with what is computed from it; its shape alone does not count. */
  dependents(name: string): ReadonlySet<Node> {
    const known = this.below.get(name);
    if (known) return known;
    const computing = (value: string) => this.consumers(value).filter(({ type }) => !SHAPE_READERS.has(type));
    const found = new Set(computing(name));
    for (const node of found)
      for (const output of node.outputs) for (const consumer of computing(output)) found.add(consumer);
    this.below.set(name, found);
    return found;
  }

  /** Nodes on the ways from one value to another: those that depend on the first and that the other depends on. */
  between(from: string, to: string): Set<Node> {
    const reached = this.dependents(from);
    const found = new Set<Node>();
    const open = [to];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const node = this.producer(name);
      if (!node || !reached.has(node) || found.has(node)) continue;
      found.add(node);
      open.push(...usedValues(node));
    }
    return found;
  }
}
