import { type ValueFacts, valueBytes } from '../../analysis/value-types.js';
import { sumOf } from '../../group.js';
import { usedValues } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';

/**
 * The values that some nodes and all that follows from them take of what is computed before: whoever has these need not
 * compute what comes before again while those nodes change.
 */
export function frontierOf({ graph }: Model, nodes: ReadonlySet<Node>): string[] {
  const open = new Set<string>();
  const computed = new Set<string>();
  const frontier = new Set<string>();
  for (const node of graph.nodes) {
    const used = usedValues(node);
    const isOpen = nodes.has(node) || [...used].some((name) => open.has(name));
    for (const name of isOpen ? used : []) if (computed.has(name)) frontier.add(name);
    if (node.type !== 'Constant') for (const output of node.outputs) (isOpen ? open : computed).add(output);
  }
  return [...frontier];
}

/** Bytes that values take; undefined where one of them is no tensor of known size. */
export function bytesOf(values: readonly string[], facts: ReadonlyMap<string, ValueFacts>): number | undefined {
  const sizes = values.map((value) => valueBytes(facts.get(value)));
  return sizes.includes(undefined) ? undefined : sumOf(sizes, (size) => size!);
}
