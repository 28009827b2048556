import type { ValueFacts } from '../../analysis/value-types.js';
import { Emitter } from '../../ir/emitter.js';
import type { Model } from '../../ir/model.js';
import { Tensor } from '../../ir/tensor.js';
import type { LinearSite, MatrixLayout } from '../../ops/linear.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { upgradeOpset } from '../opset-upgrade/upgrade-opset.js';
import { runPasses } from '../pass.js';
import { putBeside } from '../side-by-side.js';
import type { RefitLayer } from './refit-layers.js';
import type { MomentOutputs } from './refit-protocol.js';
import type { LeftIndices } from './resized-node.js';

/** The first operator set in which sums take their axes as an input. */
const OPSET = 13;

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
): Promise<{ model: Model; outputs: MomentOutputs[] }> {
  const model = pruned.clone();
  const nameOf = putBeside(model, original);
  model.graph.valueInfos.clear();
  if (model.opset < OPSET) await runPasses(model, [upgradeOpset(OPSET)]);
  const g = new Emitter(model, 'moments');
  const asFloat = (value: string, like: string) => (facts.get(like)?.type === 'float32' ? value : g.cast(value, 1));
  const outputs = layers.map((layer): MomentOutputs => {
    const { node, map, layout, target, scale } = layer;
    const site: LinearSite = { g, node, weight: layer.weight, layout, step: layer.step };
    const rows = (value: string) => scaled(g, map.rows(site, asFloat(value, target)), layout, scale);
    const t = rows(gathered(g, nameOf(target), left.get(target)));
    const e = g.sub(t, rows(target));
    const x = map.columns(site, asFloat(node.inputs[0]!, node.inputs[0]!));
    return { ...layout, names: moments(g, x, e, t) };
  });
  model.graph.outputs = outputs.flatMap(({ names }) => Object.values(names).map((name) => ({ name })));
  await runPasses(model, [removeDeadNodes]);
  return { model, outputs };
}

/** The indices of a value that are left. */
function gathered(g: Emitter, value: string, left: ReadonlyMap<number, Int32Array> = new Map()): string {
  return [...left].reduce(
    (all, [axis, indices]) =>
      g.op('Gather', [all, g.constant(Tensor.from('left', 'int64', [indices.length], indices))], { axis }),
    value,
  );
}

/** Rows as they were before each channel was multiplied by a factor. */
function scaled(g: Emitter, rows: string, { groups, outputs }: MatrixLayout, scale: Float64Array | undefined): string {
  return scale ? g.div(rows, g.constant(Tensor.from('scale', 'float32', [groups, outputs, 1], scale))) : rows;
}

/** Moments of columns x: [groups, inputs, positions] and of rows e and t: [groups, outputs, positions]. */
function moments(g: Emitter, x: string, e: string, t: string): MomentOutputs['names'] {
  const product = (a: string, b: string) => g.op('com.microsoft.FusedMatMul', [a, b], { transB: 1 });
  const sum = (value: string) => g.sum(value, [2], false);
  return {
    count: g.op('Gather', [g.shape(x), g.ints([2])], { axis: 0 }),
    ...{ xx: product(x, x), ex: product(e, x), x: sum(x) },
    ...{ e: sum(e), ee: sum(g.mul(e, e)), t: sum(t), tt: sum(g.mul(t, t)) },
  };
}
