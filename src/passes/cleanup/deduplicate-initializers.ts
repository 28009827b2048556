import { createHash } from 'node:crypto';
import type { Graph } from '../../ir/graph.js';
import type { Tensor } from '../../ir/tensor.js';
import type { Pass } from '../pass.js';

const WINDOW = 16 * 2 ** 20;

/**
 * Initializers of the same type, shape and content become one. Inputs and outputs of the graph keep theirs. Only
 * tensors of equal type and shape are read, in windows.
 */
export const deduplicateInitializers: Pass = {
  name: 'deduplicate-initializers',
  description: 'Equal constants are stored once',
  run(model) {
    let changed = 0;
    for (const graph of model.graph.walk()) changed += deduplicate(graph);
    return { changed };
  },
};

function deduplicate(graph: Graph): number {
  const fixed = new Set([...graph.inputs, ...graph.outputs].map((info) => info.name));
  const candidates = [...graph.initializers.values()].filter((tensor) => !fixed.has(tensor.name));
  const replacements = new Map<string, string>();
  for (const alike of groupBy(candidates, (tensor) => `${tensor.type}[${tensor.dims}]${tensor.byteLength}`)) {
    if (alike.length < 2) continue;
    for (const [first, ...copies] of groupBy(alike, contentHash))
      for (const copy of copies) {
        replacements.set(copy.name, first!.name);
        graph.initializers.delete(copy.name);
      }
  }
  graph.replaceAllUses(replacements);
  return replacements.size;
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Iterable<T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups.values();
}

/** SHA-256 of a tensor's content; for strings, of their lengths too. */
export function contentHash(tensor: Tensor): string {
  const hash = createHash('sha256');
  if (tensor.strings) for (const text of tensor.strings) hash.update(`${text.length}:`).update(text);
  else for (const window of tensor.windows(WINDOW)) hash.update(window);
  return hash.digest('hex');
}
