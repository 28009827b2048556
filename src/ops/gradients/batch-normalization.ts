import type { Emitter } from '../../ir/emitter.js';
import type { Node } from '../../ir/node.js';
import type { GradientRow, Site } from './site.js';

/** What both modes of BatchNormalization need: statistics per channel, and sums of the gradient per channel. */
interface ChannelSums {
  /** 1 / √(variance + epsilon). */
  inverseDeviation: string;
  /** Sum of the upstream gradient. */
  gradient: string;
  /** Sum of the upstream gradient times the normalized input. */
  product: string;
}

/** Gradients of BatchNormalization, whose statistics are constants or, with `training_mode`, those of the batch. */
export const batchNormalization: GradientRow = (site) => {
  if (!site.node.int('training_mode', 0)) return frozen(site);
  if (site.gradientOf(1) || site.gradientOf(2)) site.refuse('its running statistics cannot carry a gradient');
  trained(site);
};

/** With constant statistics the operator is an affine map per channel. */
function frozen(site: Site): void {
  const { g, dy } = site;
  const [, scale, , mean, variance] = site.node.inputs as [string, string, string, string, string];
  const inverseDeviation = inverseDeviationOf(site, variance);
  const slope = g.mul(scale, inverseDeviation);
  if (site.wants(0)) site.give(0, g.mul(dy, perChannel(site, slope)));
  if (![1, 2, 3, 4].some((position) => site.wants(position))) return;
  const sums = channelSums(site, mean, inverseDeviation);
  site.give(1, sums.product);
  site.give(2, sums.gradient);
  if (site.wants(3)) site.give(3, g.neg(g.mul(slope, sums.gradient)));
  if (site.wants(4)) site.give(4, g.mul(g.mul(g.mul(slope, inverseDeviation), sums.product), -0.5));
}

/**
 * With the statistics of the batch, dx = slope · (dy − mean(dy) − x̂ · mean(dy · x̂)) (Ioffe and Szegedy 2015, section 3).
 * What is subtracted is a normalization of x with another scale and bias, so that the fused kernel computes it.
 */
function trained(site: Site): void {
  const { g, dy, x } = site;
  const scale = site.node.inputs[1]!;
  const [mean, variance] = batchStatistics(site);
  const sums = channelSums(site, mean, inverseDeviationOf(site, variance));
  site.give(1, sums.product);
  site.give(2, sums.gradient);
  if (!site.wants(0)) return;
  const slope = g.mul(scale, sums.inverseDeviation);
  const negativeMean = g.div(g.neg(slope), valuesPerChannel(site));
  const correction = g.op(
    'BatchNormalization',
    [x, g.mul(negativeMean, sums.product), g.mul(negativeMean, sums.gradient), mean, variance],
    { epsilon: { float: epsilonOf(site.node) } },
  );
  site.give(0, g.add(g.mul(dy, perChannel(site, slope)), correction));
}

/**
 * Mean and population variance of the batch. They are the node's running statistics where its momentum is 0, as these are
 * running · momentum + batch · (1 − momentum) (ONNX BatchNormalization-15).
 */
function batchStatistics(site: Site): [string, string] {
  const { node, g, x } = site;
  if (node.float('momentum', 0.9)) return computeStatistics(g, x, site.rank(x));
  for (const output of [1, 2]) node.outputs[output] ||= g.model.freshName(`${node.label}/statistics`);
  return [node.outputs[1]!, node.outputs[2]!];
}

/** Mean and population variance of each channel over a batch of a number of dimensions. */
export function computeStatistics(g: Emitter, x: string, rank: number): [string, string] {
  const axes = g.ints(axesOfChannel(rank));
  const mean = (value: string) => g.op('ReduceMean', [value, axes], { keepdims: 1 });
  const means = mean(x);
  const centred = g.sub(x, means);
  const flat = (value: string) => g.reshape(value, [-1]);
  return [flat(means), flat(mean(g.mul(centred, centred)))];
}

function channelSums(site: Site, mean: string, inverseDeviation: string): ChannelSums {
  const { g, dy, x } = site;
  const gradient = sumPerChannel(site, dy);
  const centred = g.sub(sumPerChannel(site, g.mul(dy, x)), g.mul(mean, gradient));
  return { inverseDeviation, gradient, product: g.mul(centred, inverseDeviation) };
}

function inverseDeviationOf({ g, node }: Site, variance: string): string {
  return g.op('Reciprocal', [g.op('Sqrt', [g.add(variance, epsilonOf(node))])]);
}

function epsilonOf(node: Node): number {
  return node.float('epsilon', 1e-5);
}

function sumPerChannel(site: Site, value: string): string {
  return site.g.sum(value, axesOfChannel(site.rank(site.x)), false);
}

/** All axes but that of the channels. */
function axesOfChannel(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
}

/** A vector over the channels, shaped to be broadcast over the input. */
function perChannel(site: Site, vector: string): string {
  const spatial = site.rank(site.x) - 2;
  return spatial ? site.g.reshape(vector, [-1, ...Array(spatial).fill(1)]) : vector;
}

/** How many values of the batch share a channel, as a float. */
function valuesPerChannel(site: Site): string | number {
  const sizes = site.sizes(site.x);
  if (!sizes) return countPerChannel(site.g, site.x, site.node.inputs[1]!);
  return sizes.reduce((product, size, axis) => (axis === 1 ? product : product * size), 1);
}

/** The same count for any shape. @param vector anything with one element per channel. */
export function countPerChannel(g: Emitter, x: string, vector: string): string {
  return g.cast(g.op('Div', [g.op('Size', [x]), g.op('Size', [vector])]), 1);
}
