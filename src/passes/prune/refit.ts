import type { Model } from '../../ir/model.js';
import { Tensor } from '../../ir/tensor.js';
import { elementCount } from '../../ir/types.js';
import { bytesOf, frontierOf } from './frontier.js';
import { momentsModel } from './moments-model.js';
import { type Affected, type BiasPlace, planRefit, type RefitLayer } from './refit-layers.js';
import type { LeftIndices } from './resized-node.js';
import { type Correction, RIDGE } from './ridge.js';
import type { MomentNames } from './sums-protocol.js';
import { type CollectOptions, SumsThread } from './sums-thread.js';
import { typicalFacts } from './typical-facts.js';

/** How layers are fitted. */
export interface RefitOptions extends CollectOptions {
  /** How much the old weights weigh: λ over the mean square of a layer's inputs. */
  ridge?: number | undefined;
}

/** A layer that was fitted: squares of its error on the calibration data over the variance of what it should give. */
export interface RefitRecord {
  node: string;
  before: number;
  after: number;
}

/** What a refit did. */
export interface RefitResult {
  fitted: RefitRecord[];
  /** Layers that could not be fitted, and why. */
  left: { node: string; reason: string }[];
}

/**
 * Fits layers of a pruned model so that they give again what they gave in the original, in the order in which they run,
 * each on what the layers before it make now (asymmetric reconstruction: He et al., "Channel Pruning for Accelerating
 * Very Deep Neural Networks", 2017). Needs inputs alone, and keeps sums of them, not activations.
 * @param pruned its weights are replaced; its values bear the names that they have in `original`.
 * @param left which indices of a value's axes are left in `pruned`.
 */
export async function refit(
  original: Model,
  pruned: Model,
  affected: Affected,
  left: LeftIndices,
  options: RefitOptions,
): Promise<RefitResult> {
  const facts = await typicalFacts(pruned, options.batches);
  const { layers, obstacles } = planRefit(pruned, affected, facts);
  const result: RefitResult = { fitted: [], left: obstacles.map(({ node, reason }) => ({ node: node.label, reason })) };
  const stages = Math.max(0, ...layers.map(({ stage }) => stage + 1));
  const thread = new SumsThread();
  let have: readonly string[] = [];
  try {
    for (let stage = 0; stage < stages; stage++) {
      const together = layers.filter((layer) => layer.stage === stage);
      const open = new Set(layers.filter((layer) => layer.stage >= stage).map(({ node }) => node));
      const frontier = frontierOf(pruned, open);
      const bytes = bytesOf(frontier, facts);
      const fits = stage > 0 && bytes !== undefined && 2 * bytes * thread.batches <= MOST_KEPT;
      const moments = await momentsModel(original, pruned, together, left, facts, {
        have,
        want: fits ? frontier : undefined,
      });
      const fitted = () => fitLayers(pruned, together, moments.layers, thread, options.ridge ?? RIDGE);
      for (const record of await thread.collect(moments.model, options, fitted, moments.keep))
        if ('reason' in record) result.left.push(record);
        else result.fitted.push(record);
      if (fits) have = frontier;
      options.onProgress?.(stage + 1, stages);
    }
  } finally {
    await thread.close();
  }
  return result;
}

/** Bytes of activations that may be kept between passes over the data. */
const MOST_KEPT = 2 ** 29;

/** Fits layers by their moments. */
async function fitLayers(
  pruned: Model,
  layers: readonly RefitLayer[],
  names: readonly MomentNames[],
  thread: SumsThread,
  ridge: number,
): Promise<(RefitRecord | { node: string; reason: string })[]> {
  const records: (RefitRecord | { node: string; reason: string })[] = [];
  for (const [k, layer] of layers.entries()) {
    const correction = await thread.call('correct', names[k]!, { ridge, hasBias: layer.bias !== undefined });
    const node = layer.node.label;
    if (!correction) records.push({ node, reason: 'its values on the calibration data are not finite' });
    else {
      applyCorrection(pruned, layer, correction);
      records.push({ node, before: correction.before, after: correction.after });
    }
  }
  return records;
}

function applyCorrection(model: Model, layer: RefitLayer, correction: Correction): void {
  const { node, map, bias } = layer;
  const { alpha, beta } = map.factors?.(node) ?? { alpha: 1, beta: 1 };
  const weight = model.constant(node.inputs[map.weight]!)!;
  const values = weight.toNumbers();
  addMatrix(values, layer, correction.weight, alpha);
  setConstant(model, weight.name, Tensor.from(weight.name, weight.type, weight.dims, values));
  if (bias && correction.bias) addBias(model, layer, bias, correction.bias, beta);
}

function addBias(
  model: Model,
  layer: RefitLayer,
  { node, position }: BiasPlace,
  change: Float64Array,
  beta: number,
): void {
  const { map, layout } = layer;
  const { index, of } = map.biasPart ?? { index: 0, of: 1 };
  const name = node.inputs[position];
  const old = name ? model.constant(name) : undefined;
  const values = old?.toNumbers() ?? new Float64Array(of * change.length);
  for (const [k, value] of change.entries()) {
    const group = Math.floor(k / layout.outputs);
    values[(group * (of - 1) + index) * layout.outputs + k]! += value / beta;
  }
  if (old) setConstant(model, old.name, Tensor.from(old.name, old.type, old.dims, values));
  else {
    const dims = of === 1 ? [values.length] : [layout.groups, of * layout.outputs];
    const base = model.constant(layer.node.inputs[map.weight]!)!;
    node.inputs[position] = model.addInitializer(Tensor.from(`${base.name}_bias`, base.type, dims, values));
  }
}

/** Adds what is laid out as a matrix per group to weights, which lie as the operator has them. */
function addMatrix(values: Float64Array, { layout }: RefitLayer, change: Float64Array, alpha: number): void {
  const { shape, perm } = layout;
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const sizes = perm.map((axis) => shape[axis]!);
  const steps = perm.map((axis) => strides[axis]!);
  const at = perm.map(() => 0);
  let place = 0;
  for (let k = 0; k < change.length; k++) {
    values[place]! += change[k]! / alpha;
    for (let axis = at.length - 1; axis >= 0; axis--) {
      place += steps[axis]!;
      if (++at[axis]! < sizes[axis]!) break;
      place -= steps[axis]! * sizes[axis]!;
      at[axis] = 0;
    }
  }
}

/** Gives a constant other values: an initializer, or what a Constant node holds. */
function setConstant({ graph }: Model, name: string, tensor: Tensor): void {
  if (graph.initializers.has(name)) graph.initializers.set(name, tensor);
  else
    graph.nodes.find(({ outputs }) => outputs[0] === name)!.attributes = new Map([
      ['value', { kind: 'tensor', value: tensor }],
    ]);
}
