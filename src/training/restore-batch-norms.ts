import { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import type { NamedValues } from '../ir/types.js';
import { LINEAR, scaledWeight } from '../passes/cleanup/linear.js';
import { upgradeOpset } from '../passes/opset-upgrade/upgrade-opset.js';
import { runPasses } from '../passes/pass.js';
import { type FoldedLayer, foldedLayers } from './folded-layers.js';
import { emitMoments, type MeasuringOptions, type Moments, measureMoments } from './moments.js';

/** A layer with the batch normalization that is put behind it. */
export interface RestoredNorm {
  /** Constants of the layer, in the model as it came. */
  weight: string;
  bias: string;
  /** Constants of the batch normalization. */
  scale: string;
  shift: string;
  mean: string;
  variance: string;
}

/** A model whose layers are followed by batch normalizations that change nothing yet. */
export interface RestoredModel {
  model: Model;
  norms: readonly RestoredNorm[];
}

const EPSILON = 1e-5;

/**
 * Puts a batch normalization behind each layer that looks like one into which an exporter folded it. Scale and shift are the
 * deviation and the mean of what the layer gives on some samples, so that the function is as it was while statistics are
 * those.
 * @param takes leaves layers out.
 * @param batches samples to measure on.
 * @returns a copy in operator set 18 or newer; without norms where there is no such layer
 */
export async function restoreBatchNorms(
  original: Model,
  takes: (layer: FoldedLayer) => boolean,
  batches: AsyncIterable<{ feeds: NamedValues }>,
  options: MeasuringOptions,
): Promise<RestoredModel> {
  const model = original.clone();
  if (model.opset < 18) await runPasses(model, [upgradeOpset(18)]);
  const layers = (await foldedLayers(model)).filter(takes);
  if (!layers.length) return { model, norms: [] };
  const probe = model.clone();
  const g = new Emitter(probe, 'moments');
  const values = layers.map(({ output, rank }) => emitMoments(g, output, rank));
  const moments = await measureMoments(probe, values, batches, options);
  const norms = layers.map((layer, k) => insertNorm(model, layer, moments[k]!));
  model.graph.sort();
  return { model, norms };
}

/**
 * Weights for the model as it came, from those of the restored one: batch normalizations become part of the layers before
 * them, by their running statistics.
 */
export function foldNorms(
  { model, norms }: RestoredModel,
  weights: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const constants = model.constants();
  const { consumers } = model.graph.index();
  const folded = new Map(weights);
  for (const norm of norms) {
    const tensorOf = (key: keyof RestoredNorm) => weights.get(norm[key]) ?? constants.get(norm[key])!;
    const [bias, scale, shift, mean, variance] = (['bias', 'scale', 'shift', 'mean', 'variance'] as const).map((key) =>
      tensorOf(key).toNumbers(),
    ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
    const factors = scale.map((value, c) => value / Math.sqrt(variance[c]! + EPSILON));
    const weight = tensorOf('weight');
    const layer = consumers.get(norm.weight)![0]!;
    const channelAt = LINEAR[layer.type]!.channelAt(layer, weight);
    folded.set(norm.weight, scaledWeight(weight, factors, channelAt));
    const offsets = bias.map((value, c) => (value - mean[c]!) * factors[c]! + shift[c]!);
    folded.set(norm.bias, Tensor.from(norm.bias, 'float32', tensorOf('bias').dims, offsets));
    for (const key of ['scale', 'shift', 'mean', 'variance'] as const) folded.delete(norm[key]);
  }
  return folded;
}

function insertNorm(
  model: Model,
  { node, weight, bias, output }: FoldedLayer,
  { mean, variance }: Moments,
): RestoredNorm {
  const constant = (name: string, values: Float64Array) =>
    model.addInitializer(Tensor.from(`${node.label}/norm/${name}`, 'float32', [values.length], values));
  const norm = {
    weight,
    bias,
    scale: constant(
      'scale',
      variance.map((value) => Math.sqrt(value + EPSILON)),
    ),
    shift: constant('shift', mean),
    mean: constant('mean', mean),
    variance: constant('variance', variance),
  };
  const plain = model.freshName(`${output}/plain`);
  const last = model.graph.nodes.find(({ outputs }) => outputs[0] === output)!;
  last.outputs[0] = plain;
  model.graph.nodes.push(
    new Node({
      op: 'BatchNormalization',
      name: model.freshName(`${node.label}/norm`),
      inputs: [plain, norm.scale, norm.shift, norm.mean, norm.variance],
      outputs: [output],
      attributes: { epsilon: { float: EPSILON } },
    }),
  );
  return norm;
}
