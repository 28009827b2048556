import type { Graph } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Tensor } from '../ir/tensor.js';
import { keyOf } from './cleanup/common-subexpressions.js';
import { contentHash } from './cleanup/deduplicate-initializers.js';

/**
 * True where two models compute outputs of the same names, by the same operations on the same constants, from inputs of the
 * same names; what else is named, how nodes are ordered, and what nobody takes does not count.
 */
export function computeSame(a: Model, b: Model): boolean {
  const terms = new Terms();
  const [own, other] = [a, b].map(({ graph }) => {
    const values = terms.of(graph);
    return graph.outputs.map(({ name }, k) => `${name}=${values[k]}`).join();
  });
  return own === other;
}

/** Gives values numbers that are equal for values computed alike. */
class Terms {
  private readonly numbers = new Map<string, string>();
  private readonly hashes = new Map<Tensor, string>();
  private unknown = 0;

  /** The numbers of a graph's outputs. @param outer numbers of the values around it. */
  of(graph: Graph, outer: ReadonlyMap<string, string> = new Map()): (string | undefined)[] {
    const known = new Map(outer);
    for (const { name } of graph.inputs) known.set(name, this.number(`input ${name}`));
    for (const [name, tensor] of graph.initializers)
      known.set(name, this.number(`${graph.isInput(name) ? known.get(name) : ''} ${this.constant(tensor)}`));
    for (const node of graph.nodes) {
      const key = keyOf(node, known, (body) => this.of(body, known).join()) ?? `unknown ${this.unknown++}`;
      for (const [k, output] of node.outputs.entries()) if (output) known.set(output, this.number(`${key} ${k}`));
    }
    return graph.outputs.map(({ name }) => known.get(name));
  }

  private number(term: string): string {
    const number = this.numbers.get(term) ?? `#${this.numbers.size}`;
    this.numbers.set(term, number);
    return number;
  }

  private constant(tensor: Tensor): string {
    const hash = this.hashes.get(tensor) ?? contentHash(tensor);
    this.hashes.set(tensor, hash);
    return `${tensor.type}[${tensor.dims}]${hash}`;
  }
}
