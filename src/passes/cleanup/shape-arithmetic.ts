import type { Shape } from '../../analysis/shape-rules.js';
import type { Size } from '../../analysis/size.js';
import type { SymbolicShapes } from '../../analysis/symbolic-shapes.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';

/** Replaces nodes whose results are whole numbers that no input can change (a Shape of fixed size) by constants. */
export function foldKnownNumbers(model: Model, shapes: SymbolicShapes): number {
  const { graph } = model;
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const gone = new Set<Node>();
  for (const node of graph.nodes) {
    const name = node.outputs[0];
    const numbers = name && shapes.numbers.get(name);
    const type = name && shapes.facts.get(name)?.type;
    if (!numbers || !type || node.type === 'Constant' || outputs.has(name) || node.outputs.length > 1) continue;
    const values = numbers.items.map((item) => item?.value);
    if (!values.every((value) => Number.isSafeInteger(value))) continue;
    const dims = numbers.rank ? [values.length] : [];
    graph.initializers.set(name, Tensor.from(name, type, dims, values as number[]));
    gone.add(node);
  }
  graph.removeNodes(gone);
  return gone.size;
}

/** Has the same sizes computed once, also where they are read off different values: a sequence length, a batch size. */
export function shareSizes(model: Model, shapes: SymbolicShapes): number {
  const { graph } = model;
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const first = new Map<string, string>();
  const replacements = new Map<string, string>();
  const gone = new Set<Node>();
  for (const node of graph.nodes) {
    const name = node.outputs[0];
    const numbers = name && shapes.numbers.get(name);
    if (!numbers || node.type === 'Constant' || !numbers.items.every((item) => item)) continue;
    const key = `${shapes.facts.get(name)?.type} ${numbers.rank} ${numbers.items.join(' ')}`;
    const twin = first.get(key);
    if (!twin) first.set(key, name);
    else if (!outputs.has(name) && node.outputs.length === 1) {
      replacements.set(name, twin);
      gone.add(node);
    }
  }
  graph.removeNodes(gone);
  graph.replaceAllUses(replacements);
  return gone.size;
}

/**
 * Gives Reshape nodes with a computed target a constant one where it says the same: sizes that are known, 0 for a
 * dimension taken over from the input, and -1 for at most one other. (Of an empty tensor, a target with -1 cannot be
 * worked out; exporters accept the same.)
 */
export function fixReshapeTargets(model: Model, shapes: SymbolicShapes): number {
  let changed = 0;
  for (const node of model.graph.nodes) {
    if (node.type !== 'Reshape' || isConstant(shapes, node.inputs[1])) continue;
    const target = targetOf(node, shapes);
    if (!target) continue;
    const tensor = Tensor.from(`${node.inputs[1]}_fixed`, 'int64', [target.length], target);
    node.inputs[1] = model.addInitializer(tensor);
    node.set('allowzero', undefined);
    changed++;
  }
  return changed;
}

function isConstant(shapes: SymbolicShapes, name = ''): boolean {
  return shapes.numbers.get(name)?.items.every((item) => item?.value !== undefined) ?? false;
}

function targetOf(node: Node, shapes: SymbolicShapes): number[] | undefined {
  const items = shapes.numbers.get(node.inputs[1] ?? '')?.items;
  const input = shapes.sizes(node.inputs[0] ?? '');
  const output = shapes.sizes(node.outputs[0] ?? '');
  if (!items || (node.int('allowzero', 0) && items.some((item) => item?.value === 0))) return undefined;
  const target = items.map((item, i) => entryOf(item, input?.[i], output?.[i]));
  const open = target.flatMap((entry, i) => (entry === undefined ? [i] : []));
  if (open.length > 1) return undefined;
  return target.map((entry) => entry ?? -1);
}

/** What stands for one dimension: its size, 0 where it is the input's, or undefined where only -1 can say it. */
function entryOf(item: Size | undefined, input: Shape[number], output: Shape[number]): number | undefined {
  const size = item && item.value !== -1 ? item : output;
  if (size?.value !== undefined) return Number.isSafeInteger(size.value) ? size.value : undefined;
  return size && input?.equals(size) ? 0 : undefined;
}
