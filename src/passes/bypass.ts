import type { Graph } from '../ir/graph.js';
import type { Node } from '../ir/node.js';

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
    this.graph.replaceAllUses(this.replacements);
    for (const node of this.graph.nodes) node.outputs = node.outputs.map((output) => this.current(output));
  }
}
