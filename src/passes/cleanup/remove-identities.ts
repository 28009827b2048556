import { type Scope, scopes } from '../../analysis/scopes.js';
import { inferSymbolicShapes } from '../../analysis/symbolic-shapes.js';
import type { ValueFacts } from '../../analysis/value-types.js';
import type { Node } from '../../ir/node.js';
import { Bypass } from '../bypass.js';
import type { Pass } from '../pass.js';
import { RESHAPING, type Surroundings, sourceOf } from './identity-rules.js';

/**
 * Removes nodes that hand on what they take: Identity, Dropout outside training, casts to the type at hand, reshapes to
 * the shape at hand, arithmetic with 0 and 1 that does not broadcast, and so on. Transposes in a row become one, and a
 * Reshape reads what an earlier one read. Names of inputs and outputs stay, so an Identity between them does too.
 */
export const removeIdentities: Pass = {
  name: 'remove-identities',
  description: 'Nodes that change nothing are gone',
  async run(model) {
    const { facts } = await inferSymbolicShapes(model);
    let changed = 0;
    for (const scope of scopes(model)) {
      let step: number;
      do {
        step = sweep(scope, facts, model.opset);
        changed += step;
      } while (step);
    }
    return { changed };
  },
};

function sweep({ graph, constant, isMain }: Scope, facts: ReadonlyMap<string, ValueFacts>, opset: number): number {
  graph.sort();
  const index = graph.index();
  const around: Surroundings = {
    opset,
    constant,
    facts: (name) => (isMain ? facts.get(name) : undefined),
    producer: (name) => index.producer.get(name),
  };
  const isUsed = (name: string) => index.consumers.has(name) || index.outputs.has(name);
  const bypass = new Bypass(graph);
  let merged = 0;
  for (const node of graph.nodes) {
    if (!node.outputs[0] || node.outputs.slice(1).some(isUsed)) continue;
    const source = sourceOf(node, around);
    if (source && bypass.take(node, source)) continue;
    if (mergeTransposes(node, around) || mergeReshapes(node, around)) merged++;
  }
  bypass.apply();
  return bypass.size + merged;
}

function mergeTransposes(node: Node, { producer }: Surroundings): boolean {
  const before = producer(node.inputs[0]!);
  if (node.type !== 'Transpose' || before?.type !== 'Transpose') return false;
  const [inner, outer] = [before.ints('perm'), node.ints('perm')];
  if (!inner || !outer) return false;
  node.inputs[0] = before.inputs[0]!;
  node.set(
    'perm',
    outer.map((axis) => inner[axis]!),
  );
  return true;
}

/** A Reshape may skip earlier reshaping unless it copies (0) a dimension that is another one there. */
function mergeReshapes(node: Node, { producer, constant, facts }: Surroundings): boolean {
  const before = producer(node.inputs[0]!);
  if (node.type !== 'Reshape' || !before || !RESHAPING.has(before.type)) return false;
  const target = node.ints('shape') ?? constant(node.inputs[1])?.toNumbers();
  if (!target) return false;
  const dims = (name: string, i: number) => facts(name)?.dims?.[i];
  const isFree = (entry: number, i: number) => {
    const size = dims(before.inputs[0]!, i);
    return entry !== 0 || (size !== undefined && size === dims(node.inputs[0]!, i));
  };
  if (!node.int('allowzero', 0) && ![...target].every(isFree)) return false;
  node.inputs[0] = before.inputs[0]!;
  return true;
}
