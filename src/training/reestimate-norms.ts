import { inferValueTypes } from '../analysis/value-types.js';
import { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import type { NamedValues } from '../ir/types.js';
import { affineOf } from '../passes/cleanup/affine.js';
import { allowPlainInitializers } from '../passes/cleanup/initializers-out-of-inputs.js';
import { upgradeOpset } from '../passes/opset-upgrade/upgrade-opset.js';
import { runPasses } from '../passes/pass.js';
import { emitMoments, type MeasuringOptions, type Moments, measureMoments } from './moments.js';
import { withWeights } from './weights.js';

/** A batch normalization with constant statistics. */
interface Norm {
  node: Node;
  /** Constants that hold its statistics. */
  mean: Tensor;
  variance: Tensor;
  /** Dimensions of what it takes. */
  rank: number;
}

/** Statistics of a channel, before and after. */
export interface ReestimatedNorm {
  /** The value that it gives, and the constant that holds its means. */
  output: string;
  mean: string;
  /** How far means moved, in standard deviations of before: root mean square over the channels. */
  moved: number;
  /** Standard deviations after over those before: geometric mean over the channels. */
  widened: number;
}

/** New statistics of batch normalizations. */
export interface ReestimatedNorms {
  norms: ReestimatedNorm[];
  /** The statistics, by the names of the constants that hold them. */
  weights: Map<string, Tensor>;
}

/** How statistics are estimated. */
export interface ReestimationOptions extends MeasuringOptions {
  /** Share of the new samples in the statistics, that of the old ones is the rest. */
  share: number;
  /** True: one normalization after the other, the samples run once for each. */
  oneByOne?: boolean | undefined;
}

/** A variance is not taken for less than this share of what it was, lest what little is left of a channel be blown up. */
const LEAST_VARIANCE = 0.01;

/**
 * Estimates the statistics of batch normalizations on samples of another domain (Li et al. 2016, "Revisiting Batch
 * Normalization For Practical Domain Adaptation"), mixed with those that the model has (Schneider et al. 2020, "Improving
 * robustness against common corruptions by covariate shift adaptation", equation 2).
 *
 * What a normalization takes depends on those before it. So each uses the mixed statistics of the batch while samples are
 * run once, and those behind it see nearly what it will give; to take what the last pass found and run them again would make
 * errors grow from layer to layer. Where batches are too small to have statistics, one follows after the other.
 * @param original its normalizations have statistics of their own (`withOwnStatistics`).
 * @param batches the same samples each time, in whole batches.
 */
export async function reestimateNorms(
  original: Model,
  batches: () => AsyncIterable<{ feeds: NamedValues }>,
  { share, oneByOne = false, ...options }: ReestimationOptions,
): Promise<ReestimatedNorms> {
  const model = original.clone();
  if (model.opset < 18) await runPasses(model, [upgradeOpset(18)]);
  const norms = await normsOf(model);
  const weights = new Map<string, Tensor>();
  const groups = oneByOne ? norms.map((norm) => [norm]) : [norms];
  for (const group of groups.filter(({ length }) => length)) {
    const probe = withWeights(model, weights);
    const values = emitStatistics(probe, group, oneByOne ? 0 : share);
    const found = await measureMoments(probe, values, batches(), options);
    for (const [name, tensor] of group.flatMap((norm, k) => mixed(norm, found[k]!, share))) weights.set(name, tensor);
  }
  return { weights, norms: norms.map((norm) => movedBy(norm, weights)) };
}

/**
 * A copy of a model in which no two batch normalizations share a constant that holds statistics; exporters let them share
 * equal ones.
 */
export function withOwnStatistics(original: Model): Model {
  const model = original.clone();
  const { consumers } = model.graph.index();
  const taken = new Set<string>();
  for (const node of model.graph.nodes.filter(({ type }) => type === 'BatchNormalization'))
    for (const position of [3, 4]) {
      const name = node.inputs[position]!;
      const tensor = model.constant(name);
      const isShared = (consumers.get(name)?.length ?? 0) > 1 || taken.has(name);
      taken.add(name);
      if (!tensor || !isShared) continue;
      allowPlainInitializers(model);
      node.inputs[position] = model.addInitializer(tensor.renamed(`${node.label}/statistics`));
      taken.add(node.inputs[position]!);
    }
  return model;
}

/** In the order in which they are computed. */
async function normsOf(model: Model): Promise<Norm[]> {
  model.graph.sort();
  const constants = model.constants();
  const facts = await inferValueTypes(model);
  return model.graph.nodes.flatMap((node) => {
    if (node.type !== 'BatchNormalization' || !affineOf(node, (name) => constants.get(name ?? ''))) return [];
    const [mean, variance] = [3, 4].map((position) => constants.get(node.inputs[position]!)!) as [Tensor, Tensor];
    const { type, dims } = facts.get(node.inputs[0]!) ?? {};
    const isKnown = type === 'float32' && mean.type === 'float32' && variance.type === 'float32' && dims;
    return isKnown ? [{ node, mean, variance, rank: dims.length }] : [];
  });
}

/** Has a model compute the moments of what normalizations take and, with a share above 0, use them. */
function emitStatistics(probe: Model, norms: readonly Norm[], share: number) {
  const { producer } = probe.graph.index();
  const values = norms.map(({ node, mean, variance, rank }) => {
    const own = producer.get(node.outputs[0]!)!;
    const g = new Emitter(probe, 'moments');
    const moments = emitMoments(g, own.inputs[0]!, rank);
    const mix = (old: Tensor, found: string) => g.add(g.mul(old.name, 1 - share), g.mul(found, share));
    if (share > 0) {
      own.inputs[3] = mix(mean, moments.mean);
      own.inputs[4] = mix(variance, moments.variance);
    }
    return moments;
  });
  probe.graph.sort();
  return values;
}

function mixed({ mean, variance }: Norm, found: Moments, share: number): [string, Tensor][] {
  const mix = (old: Tensor, values: Float64Array) =>
    old.toNumbers().map((value, c) => (1 - share) * value + share * values[c]!);
  const least = variance.toNumbers();
  const variances = mix(variance, found.variance).map((value, c) => Math.max(value, LEAST_VARIANCE * least[c]!));
  return [
    [mean.name, Tensor.from(mean.name, 'float32', mean.dims, mix(mean, found.mean))],
    [variance.name, Tensor.from(variance.name, 'float32', variance.dims, variances)],
  ];
}

function movedBy({ node, mean, variance }: Norm, weights: ReadonlyMap<string, Tensor>): ReestimatedNorm {
  const epsilon = node.float('epsilon', 1e-5);
  const values = (tensor: Tensor | undefined) => (tensor ?? Tensor.from('', 'float32', [0], [])).toNumbers();
  const [means, variances] = [values(mean), values(variance)];
  const [newMeans, newVariances] = [values(weights.get(mean.name)), values(weights.get(variance.name))];
  let [squares, logarithms] = [0, 0];
  for (let c = 0; c < means.length; c++) {
    squares += (newMeans[c]! - means[c]!) ** 2 / (variances[c]! + epsilon);
    logarithms += Math.log((newVariances[c]! + epsilon) / (variances[c]! + epsilon)) / 2;
  }
  return {
    output: node.outputs[0]!,
    mean: mean.name,
    moved: Math.sqrt(squares / means.length),
    widened: Math.exp(logarithms / means.length),
  };
}
