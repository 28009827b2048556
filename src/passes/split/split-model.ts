import { usedValues, type ValueInfo } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { constantNodes, type Stage } from './stages.js';

/**
 * A model of its own for each stage of a model. What a stage takes of earlier ones is an input of it, and what later ones
 * take an output; values keep their names. Weights that several stages use are in each of them.
 * @param typeOf the declaration of a value that is handed over.
 */
export async function splitModel(
  model: Model,
  stages: readonly Stage[],
  typeOf: (value: string) => ValueInfo['type'],
): Promise<Model[]> {
  const { graph } = model;
  const constant = constantNodes(model);
  const stageOf = new Map<string, number>();
  for (const [k, { nodes }] of stages.entries())
    for (const { outputs } of nodes) for (const output of outputs) if (output) stageOf.set(output, k);
  const last = stages.length - 1;
  const takenBy = stages.map(({ nodes }) => valuesUsed(nodes));
  const given = valuesUsed(graph.nodes);
  const parts: Model[] = [];
  for (const [k, { nodes }] of stages.entries()) {
    const own = new Set(nodes);
    const part = model.clone();
    const { inputs, outputs } = part.graph;
    // Clones keep the order of the nodes.
    part.graph.nodes = part.graph.nodes.filter((_, place) => {
      const node = graph.nodes[place]!;
      return own.has(node) || constant.has(node);
    });
    const handed = (name: string): ValueInfo => ({ name, type: typeOf(name) });
    const earlier = [...takenBy[k]!].filter((value) => (stageOf.get(value) ?? k) < k);
    const later = [...stageOf].filter(([value, from]) => from === k && isTakenAfter(k, value, takenBy));
    const results = outputs.filter(({ name }) => (stageOf.get(name) ?? last) === k);
    const known = new Set(results.map(({ name }) => name));
    part.graph.outputs = [
      ...later
        .map(([value]) => value)
        .filter((value) => !known.has(value))
        .map(handed),
      ...results,
    ];
    await removeDeadNodes.run(part);
    const used = valuesUsed(part.graph.nodes);
    const isNeeded = ({ name }: ValueInfo) => used.has(name) || known.has(name) || (!k && !given.has(name));
    part.graph.inputs = [...inputs.filter(isNeeded), ...earlier.map(handed)];
    await removeDeadNodes.run(part);
    parts.push(part);
  }
  return parts;
}

const isTakenAfter = (k: number, value: string, takenBy: readonly ReadonlySet<string>[]) =>
  takenBy.slice(k + 1).some((taken) => taken.has(value));

function valuesUsed(nodes: readonly Node[]): Set<string> {
  return new Set(nodes.flatMap((node) => [...usedValues(node)]));
}
