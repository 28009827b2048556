import { UserError } from '../errors.js';
import type { Node } from './node.js';
import type { Origin, Tensor } from './tensor.js';
import type { DataType } from './types.js';
import { replaceInNode, resolveChains, usedValues } from './uses.js';

export { captures, usedValues } from './uses.js';

/** One dimension: a size, a symbol, or unknown. */
export type Dim = number | string | undefined;

/** Type of a value: a tensor of an element type and perhaps a shape, or something else (sequence, map, optional). */
export type ValueType = { kind: 'tensor'; elem: DataType; shape?: readonly Dim[] | undefined } | { kind: 'other' };

/** A graph input, a graph output, or a value whose type is on record. */
export interface ValueInfo {
  name: string;
  type?: ValueType | undefined;
  origin?: Origin;
}

/** Who makes and who takes each value of a graph. Made afresh by `graph.index()`; stale once the graph changes. */
export interface GraphIndex {
  producer: ReadonlyMap<string, Node>;
  /** Nodes that take a value, once per node; a node also counts when one of its subgraphs captures the value. */
  consumers: ReadonlyMap<string, readonly Node[]>;
  /** Names of the graph's outputs. */
  outputs: ReadonlySet<string>;
}

/** A graph: nodes whose inputs and outputs are joined by name, in single static assignment form. */
export class Graph {
  name = '';
  nodes: Node[] = [];
  inputs: ValueInfo[] = [];
  outputs: ValueInfo[] = [];
  initializers = new Map<string, Tensor>();
  /** Recorded types of inner values; kept, never relied on. */
  valueInfos = new Map<string, ValueInfo>();
  /** Names of initializers that a file holds, or will hold, as the elements that are not zero and their places. */
  sparse = new Set<string>();
  origin?: Origin;

  /** Producers and consumers of every value. */
  index(): GraphIndex {
    const producer = new Map<string, Node>();
    const consumers = new Map<string, Node[]>();
    for (const node of this.nodes) {
      for (const output of node.outputs) if (output) producer.set(output, node);
      for (const input of usedValues(node)) {
        const list = consumers.get(input);
        if (list) list.push(node);
        else consumers.set(input, [node]);
      }
    }
    return { producer, consumers, outputs: new Set(this.outputs.map((output) => output.name)) };
  }

  /** True for a name that a caller may feed: a graph input, initializer behind it or not. */
  isInput(name: string): boolean {
    return this.inputs.some((input) => input.name === name);
  }

  /** Puts `replacement` wherever a node or a subgraph takes `name`; the graph's outputs keep their names. */
  replaceUses(name: string, replacement: string): void {
    this.replaceAllUses(new Map([[name, replacement]]));
  }

  /**
   * `replaceUses` for many names in one walk over the graph, for passes that touch many places. Chains are followed:
   * with `a → b` and `b → c`, uses of `a` become `c`.
   */
  replaceAllUses(replacements: ReadonlyMap<string, string>): void {
    const ends = resolveChains(replacements);
    if (ends.size) for (const node of this.nodes) replaceInNode(node, ends);
  }

  /** Removes nodes by identity. */
  removeNodes(gone: ReadonlySet<Node>): void {
    if (gone.size) this.nodes = this.nodes.filter((node) => !gone.has(node));
  }

  /**
   * Orders the nodes so that every value is made before it is taken; keeps the present order where it can.
   * @throws UserError when the graph has a cycle, naming a node on it.
   */
  sort(): void {
    const { producer } = this.index();
    const sorted: Node[] = [];
    const state = new Map<Node, 'open' | 'done'>();
    for (const root of this.nodes) {
      const stack = [{ node: root, needs: sources(root, producer) }];
      while (stack.length) {
        const top = stack[stack.length - 1]!;
        if (state.get(top.node) === 'done') {
          stack.pop();
          continue;
        }
        state.set(top.node, 'open');
        const next = top.needs.pop();
        if (!next) {
          state.set(top.node, 'done');
          sorted.push(top.node);
          stack.pop();
        } else if (state.get(next) === 'open') {
          throw new UserError('the graph has a cycle', {
            where: `node ${next.label}`,
            mend: 'export the model again: a cycle cannot be run',
          });
        } else if (!state.has(next)) stack.push({ node: next, needs: sources(next, producer) });
      }
    }
    this.nodes = sorted;
  }

  /** This graph and every graph inside its nodes, outermost first. */
  *walk(): Generator<Graph> {
    yield this;
    for (const node of this.nodes) for (const inner of node.subgraphs()) yield* inner.walk();
  }
}

function sources(node: Node, producer: ReadonlyMap<string, Node>): Node[] {
  const nodes: Node[] = [];
  for (const name of usedValues(node)) {
    const source = producer.get(name);
    if (source) nodes.push(source);
  }
  return nodes.reverse();
}
