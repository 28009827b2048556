import type { ValueFacts } from '../../analysis/value-types.js';
import { Emitter } from '../../ir/emitter.js';
import type { Model } from '../../ir/model.js';
import { Tensor } from '../../ir/tensor.js';
import { DATA_TYPES } from '../../ir/types.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { upgradeOpset } from '../opset-upgrade/upgrade-opset.js';
import { runPasses } from '../pass.js';
import { putBeside } from '../side-by-side.js';
import { keyOf, type RefitLayer, type Target } from './refit-layers.js';
import type { LeftIndices } from './resized-node.js';
import type { Keep, MomentNames } from './sums-protocol.js';

/** The first operator set in which sums take their axes as an input. */
const OPSET = 13;

/** Raises a model to an operator set in which statistics can be written. */
export async function raiseForSums(model: Model): Promise<void> {
  if (model.opset < OPSET) await runPasses(model, [upgradeOpset(OPSET)]);
}

/** Values of both networks that are kept, so that what comes before them is not computed again. */
export interface Kept {
  /** Those that were kept before. */
  have: readonly string[];
  /** Those that this model is to give; undefined where that were too much. */
  want: readonly string[] | undefined;
}

/** A model that computes moments of layers. */
export interface MomentsModel {
  model: Model;
  layers: MomentNames[];
  keep: Keep | undefined;
}

/**
 * A model of the original and the pruned network side by side, whose outputs are the moments of layers.
 * @param facts types of the values.
 */
export async function momentsModel(
  original: Model,
  pruned: Model,
  layers: readonly RefitLayer[],
  left: LeftIndices,
  facts: ReadonlyMap<string, ValueFacts>,
  kept: Kept = { have: [], want: undefined },
): Promise<MomentsModel> {
  const model = pruned.clone();
  const nameOf = putBeside(model, original);
  model.graph.valueInfos.clear();
  await raiseForSums(model);
  const g = new Emitter(model, 'moments');
  const site = { g, nameOf, original, left, facts };
  const names = layers.map((layer): MomentNames => {
    const { x, wanted, found } = layer.target ? outputsOf(site, layer, layer.target) : productsOf(site, layer);
    const { groups, outputs, inputs } = layer.layout;
    return { groups, outputs, inputs, names: moments(g, x, g.sub(wanted, found), wanted) };
  });
  const keep = kept.want && keepOf(kept.want, nameOf, kept.have);
  const given = keep?.flatMap(([as, from]) => (as === from ? [] : [from])) ?? [];
  model.graph.outputs = [...names.flatMap((layer) => Object.values(layer.names)), ...given].map((name) => ({ name }));
  resume(model, keepOf(kept.have, nameOf, []), facts);
  await runPasses(model, [removeDeadNodes]);
  return { model, layers: names, keep };
}

/** Under which names values of both networks are kept, and from which they are taken: those that there are already stay. */
function keepOf(values: readonly string[], nameOf: (value: string) => string, have: readonly string[]): Keep {
  return values.flatMap((value) => {
    const pair = [['pruned', value] as const, ['original', nameOf(value)] as const];
    const sides = pair[0]![1] === pair[1]![1] ? pair.slice(0, 1) : pair;
    return sides.map(([side, name]) => {
      const as = `kept/${side}/${value}`;
      return [as, have.includes(value) ? as : name] as const;
    });
  });
}

/** Has a model take values that were kept, and not compute them. */
function resume(model: Model, keep: Keep, facts: ReadonlyMap<string, ValueFacts>): void {
  const { graph } = model;
  for (const [as] of keep) {
    const { type, dims } = facts.get(as.slice(as.indexOf('/', 'kept/'.length) + 1))!;
    // Numbers such as sizes are as many as before, and without their count ONNX Runtime does not load what takes them.
    const shape = type === 'int64' && dims!.length === 1 ? dims : dims!.map(() => undefined);
    graph.inputs.push({ name: as, type: { kind: 'tensor', elem: type, shape } });
  }
  graph.replaceAllUses(new Map(keep.map(([as, from]) => [from, as])));
}

/** Both models side by side. */
interface Pair {
  g: Emitter;
  /** The name of a value of the original. */
  nameOf(value: string): string;
  original: Model;
  left: LeftIndices;
  facts: ReadonlyMap<string, ValueFacts>;
}

/** What a layer is fitted on: columns x, and rows that it shall give and gives. */
interface Sides {
  x: string;
  wanted: string;
  found: string;
}

function outputsOf({ g, nameOf, left, facts }: Pair, layer: RefitLayer, target: Target): Sides {
  const input = layer.node.inputs[0]!;
  return {
    x: layer.map.columns({ g, ...layer }, asFloat(g, input, facts.get(input))),
    wanted: rowsOf(g, layer, target, gathered(g, nameOf(target.value), left.get(target.value)), facts),
    found: rowsOf(g, layer, target, target.value, facts),
  };
}

/** Products inside a node; of states, those of the original, since these are what shall come out. */
function productsOf({ g, nameOf, original, left, facts }: Pair, layer: RefitLayer): Sides {
  const { node, map } = layer;
  const name = node.inputs[map.weight]!;
  const whole = original.constant(name)!;
  const sides = left.get(name);
  const taken = map.recurs ? keyOf(node) : node.inputs[0]!;
  const columns = (value: string, weight: readonly number[]) =>
    map.columns({ g, ...layer, weight, layout: map.layout(node, weight)! }, asFloat(g, value, facts.get(taken)));
  const all = columns(map.recurs ? allStates(g.model, nameOf(taken)) : nameOf(taken), whole.dims);
  const x = map.recurs ? gathered(g, all, only(sides, 2, 1)) : columns(taken, layer.weight);
  const product = (weight: string, value: string) => g.op('MatMul', [asFloat(g, weight, facts.get(name)), value]);
  const wanted = gathered(g, product(nameOf(name), all), only(sides, 1, 1));
  return { x, wanted, found: product(name, x) };
}

/** The states of a recurrent layer at all steps, which it may not give so far. */
function allStates(model: Model, output: string): string {
  const node = model.graph.nodes.find(({ outputs }) => outputs.includes(output))!;
  node.outputs[0] ||= model.freshName(`${output}_steps`);
  return node.outputs[0];
}

/** The indices left of one axis, for another. */
function only(axes: ReadonlyMap<number, Int32Array> | undefined, axis: number, as: number): Map<number, Int32Array> {
  const indices = axes?.get(axis);
  return new Map(indices ? [[as, indices]] : []);
}

/** The indices of a value that are left. */
function gathered(g: Emitter, value: string, left: ReadonlyMap<number, Int32Array> = new Map()): string {
  return [...left].reduce(
    (all, [axis, indices]) =>
      g.op('Gather', [all, g.constant(Tensor.from('left', 'int64', [indices.length], indices))], { axis }),
    value,
  );
}

/** A value in float32. */
export function asFloat(g: Emitter, value: string, facts: ValueFacts | undefined): string {
  return facts?.type === 'float32' ? value : g.cast(value, DATA_TYPES.float32.code);
}

/** The target of a layer, or a value in its place: [groups, outputs, positions], before factors on the way to it. */
export function rowsOf(
  g: Emitter,
  { node, map, layout, weight, step }: RefitLayer,
  target: Target,
  value: string,
  facts: ReadonlyMap<string, ValueFacts>,
): string {
  const rows = map.output!.rows({ g, node, weight, layout, step }, asFloat(g, value, facts.get(target.value)));
  if (!target.scale) return rows;
  const { groups, outputs } = layout;
  return g.div(rows, g.constant(Tensor.from('scale', 'float32', [groups, outputs, 1], target.scale)));
}

/** The number of positions of columns or rows. */
export function positionsOf(g: Emitter, matrix: string): string {
  return g.op('Gather', [g.shape(matrix), g.ints([2])], { axis: 0 });
}

/** Moments of columns x: [groups, inputs, positions] and of rows e and t: [groups, outputs, positions]. */
function moments(g: Emitter, x: string, e: string, t: string): MomentNames['names'] {
  const product = (a: string, b: string) => g.op('com.microsoft.FusedMatMul', [a, b], { transB: 1 });
  const sum = (value: string) => g.sum(value, [2], false);
  return {
    count: positionsOf(g, x),
    ...{ xx: product(x, x), ex: product(e, x), x: sum(x) },
    ...{ e: sum(e), ee: sum(g.mul(e, e)), t: sum(t), tt: sum(g.mul(t, t)) },
  };
}
