import { groupBy } from '../group.js';
import type { Dim } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { inferValueTypes, type ValueFacts } from './value-types.js';

/** A value of one model and the value of another that should be the same. */
export interface AlignedValue {
  /** Name in the first model. */
  name: string;
  /** Name in the second. */
  counterpart: string;
  /** Operator that makes it in the first. */
  op: string;
  /** Inputs of that node which are aligned too, directly or through nodes that are not. */
  sources: string[];
}

const FLOATS: readonly string[] = ['float32', 'float16', 'float64'];

/**
 * Finds float values that two models both compute: those of the same name (its dequantized form in the second, where
 * there is one), and of the rest those that are the only way to pair outputs of one operator and shape in order. Names
 * that stand for values of another rank or other fixed sizes are not paired.
 * @param outputs pairs of graph outputs that belong together whatever they are called.
 * @returns in the topological order of the first model.
 */
export async function alignValues(
  first: Model,
  second: Model,
  outputs: readonly (readonly [string, string])[] = [],
): Promise<AlignedValue[]> {
  const [a, b] = [await floatValues(first), await floatValues(second)];
  const pairs = new Map(outputs.filter(([name, other]) => a.has(name) && b.has(other)));
  const taken = new Set(pairs.values());
  const dequantized = dequantizedForms(second);
  for (const [name, value] of a) {
    if (pairs.has(name)) continue;
    const counterpart = [dequantized.get(name), name].find((form) => form !== undefined && b.has(form));
    if (!counterpart || taken.has(counterpart) || !sameShape(value, b.get(counterpart)!)) continue;
    pairs.set(name, counterpart);
    taken.add(counterpart);
  }
  pairByOrder(a, b, pairs, taken);
  return inOrder(first, a, pairs);
}

/** What comes out of DequantizeLinear of values that go through QuantizeLinear. */
function dequantizedForms({ graph }: Model): Map<string, string> {
  const { consumers } = graph.index();
  const takers = (value: string, op: string) => (consumers.get(value) ?? []).filter((node) => node.op === op);
  const forms = new Map<string, string>();
  for (const { op, inputs, outputs } of graph.nodes) {
    const back = op === 'QuantizeLinear' && takers(outputs[0]!, 'DequantizeLinear')[0];
    if (back && !forms.has(inputs[0]!)) forms.set(inputs[0]!, back.outputs[0]!);
  }
  return forms;
}

interface FloatValue extends ValueFacts {
  node: Node;
}

/** Float outputs of a model's nodes that depend on its inputs, in topological order. */
async function floatValues(model: Model): Promise<Map<string, FloatValue>> {
  const sorted = model.clone();
  sorted.graph.sort();
  const facts = await inferValueTypes(sorted);
  const live = new Set(
    sorted.graph.inputs.map(({ name }) => name).filter((name) => !model.graph.initializers.has(name)),
  );
  const values = new Map<string, FloatValue>();
  for (const node of sorted.graph.nodes) {
    if (!node.inputs.some((name) => live.has(name)) && !node.subgraphs().length) continue;
    for (const name of node.outputs) {
      if (!name) continue;
      live.add(name);
      const fact = facts.get(name);
      if (fact && FLOATS.includes(fact.type)) values.set(name, { ...fact, node });
    }
  }
  return values;
}

function sameShape(a: ValueFacts, b: ValueFacts): boolean {
  if (!a.dims || !b.dims) return true;
  const fits = (x: Dim, y: Dim) => typeof x !== 'number' || typeof y !== 'number' || x === y;
  return a.dims.length === b.dims.length && a.dims.every((dim, axis) => fits(dim, b.dims![axis]));
}

/** Pairs what is left by operator and shape, where both models have the same number of such values. */
function pairByOrder(
  a: ReadonlyMap<string, FloatValue>,
  b: ReadonlyMap<string, FloatValue>,
  pairs: Map<string, string>,
  taken: ReadonlySet<string>,
): void {
  const left = (values: ReadonlyMap<string, FloatValue>, isUsed: (name: string) => boolean) =>
    groupBy(
      [...values].filter(([name, { dims }]) => dims && !isUsed(name)),
      ([, value]) => kindOf(value),
    );
  const theirs = left(b, (name) => taken.has(name));
  for (const [kind, ours] of left(a, (name) => pairs.has(name))) {
    const others = theirs.get(kind);
    if (others?.length !== ours.length) continue;
    for (const [k, [name]] of ours.entries()) pairs.set(name, others[k]![0]);
  }
}

/** Operator and shape, symbols being alike. */
function kindOf({ node, dims }: FloatValue): string {
  return `${node.type} ${dims!.map((dim) => (typeof dim === 'number' ? dim : '?')).join('x')}`;
}

function inOrder(
  model: Model,
  values: ReadonlyMap<string, FloatValue>,
  pairs: ReadonlyMap<string, string>,
): AlignedValue[] {
  const { producer } = model.graph.index();
  const known = new Map<string, string[]>();
  /** The nearest aligned values that a value is computed from. */
  const sourcesOf = (name: string): string[] => {
    const found = known.get(name);
    if (found) return found;
    known.set(name, []);
    const inputs = producer.get(name)?.inputs ?? [];
    const sources = [...new Set(inputs.flatMap((input) => (pairs.has(input) ? [input] : sourcesOf(input))))];
    known.set(name, sources);
    return sources;
  };
  return [...values]
    .filter(([name]) => pairs.has(name))
    .map(([name, { node }]) => ({ name, counterpart: pairs.get(name)!, op: node.type, sources: sourcesOf(name) }));
}
