import { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import type { NamedValues } from '../ir/types.js';
import { encodeModel } from '../onnx/write.js';
import { computeStatistics } from '../ops/gradients/batch-normalization.js';
import { LINEAR, scaledWeight } from '../passes/cleanup/linear.js';
import { upgradeOpset } from '../passes/opset-upgrade/upgrade-opset.js';
import { runPasses } from '../passes/pass.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { Session } from '../runtime/session.js';

/** A convolution with the batch normalization that is put behind it. */
export interface RestoredNorm {
  /** Constants of the convolution, in the model as it came. */
  weight: string;
  bias: string;
  /** Constants of the batch normalization. */
  scale: string;
  shift: string;
  mean: string;
  variance: string;
}

/** A model whose convolutions are followed by batch normalizations that change nothing yet. */
export interface RestoredModel {
  model: Model;
  norms: readonly RestoredNorm[];
}

const EPSILON = 1e-5;

/** What takes the output of a convolution into which a batch normalization was folded. */
const BEHIND = new Set([
  ...[
    'Relu',
    'Clip',
    'LeakyRelu',
    'PRelu',
    'Elu',
    'Selu',
    'Celu',
    'Gelu',
    'Sigmoid',
    'HardSigmoid',
    'HardSwish',
    'Mish',
  ],
  ...['Tanh', 'Softplus', 'Swish', 'Mul', 'Add', 'Concat', 'Conv', 'MaxPool', 'AveragePool'],
]);

/** A convolution of the main graph that may have had a batch normalization. */
interface Place {
  node: Node;
  weight: string;
  bias: string;
}

/**
 * Puts a batch normalization behind each convolution that looks like one into which an exporter folded it: with weight and
 * bias of its own, followed by an activation, a sum, a pool or another convolution. Scale and shift are the deviation and the
 * mean of what the convolution gives on some samples, so that the function is as it was while statistics are those.
 * @param isTrained leaves convolutions out, by the name of their weight.
 * @param batches samples to measure on.
 * @returns a copy in operator set 18 or newer; without norms where there is no such convolution
 */
export async function restoreBatchNorms(
  original: Model,
  isTrained: (weight: string) => boolean,
  batches: AsyncIterable<{ feeds: NamedValues }>,
  session: SessionOptions,
): Promise<RestoredModel> {
  const model = original.clone();
  if (model.opset < 18) await runPasses(model, [upgradeOpset(18)]);
  const places = foldedConvolutions(model).filter(({ weight }) => isTrained(weight));
  if (!places.length) return { model, norms: [] };
  const moments = await measureMoments(model, places, batches, session);
  const norms = places.map((place, k) => insertNorm(model, place, moments[k]!));
  model.graph.sort();
  return { model, norms };
}

/**
 * Weights for the model as it came, from those of the restored one: batch normalizations become part of the convolutions
 * before them, by their running statistics.
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
    const channelAt = LINEAR.Conv!.channelAt(consumers.get(norm.weight)![0]!, weight);
    folded.set(norm.weight, scaledWeight(weight, factors, channelAt));
    const offsets = bias.map((value, c) => (value - mean[c]!) * factors[c]! + shift[c]!);
    folded.set(norm.bias, Tensor.from(norm.bias, 'float32', [offsets.length], offsets));
    for (const key of ['scale', 'shift', 'mean', 'variance'] as const) folded.delete(norm[key]);
  }
  return folded;
}

function foldedConvolutions(model: Model): Place[] {
  const { consumers, outputs } = model.graph.index();
  const constants = model.constants();
  const isOwn = (name: string | undefined) =>
    name !== undefined && constants.get(name)?.type === 'float32' && consumers.get(name)?.length === 1;
  return model.graph.nodes.flatMap((node) => {
    const [, weight, bias] = node.inputs;
    const users = consumers.get(node.outputs[0]!) ?? [];
    const isFolded =
      node.type === 'Conv' &&
      isOwn(weight) &&
      isOwn(bias) &&
      users.length > 0 &&
      !outputs.has(node.outputs[0]!) &&
      users.every(({ type }) => BEHIND.has(type));
    return isFolded ? [{ node, weight: weight!, bias: bias! }] : [];
  });
}

/** Mean and population variance per channel. */
interface Moments {
  count: number;
  mean: Float64Array;
  variance: Float64Array;
}

/** Moments of what convolutions give, over batches whose outputs are never held at once. */
async function measureMoments(
  model: Model,
  places: readonly Place[],
  batches: AsyncIterable<{ feeds: NamedValues }>,
  options: SessionOptions,
): Promise<Moments[]> {
  const probe = model.clone();
  const g = new Emitter(probe, 'moments');
  const outputs = places.map(({ node, weight }) => {
    const value = node.outputs[0]!;
    return [...computeStatistics(g, value, probe.constant(weight)!.dims.length), g.op('Size', [value])];
  });
  probe.graph.outputs = outputs.flat().map((name) => ({ name }));
  const session = await Session.create(encodeModel(probe), options);
  const totals: (Moments | undefined)[] = places.map(() => undefined);
  try {
    const inputs = new Set(session.inputs.map(({ name }) => name));
    for await (const { feeds } of batches) {
      const results = await session.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name))));
      for (const [k, names] of outputs.entries()) {
        const [mean, variance, [size]] = names.map((name) => Float64Array.from(results[name]!.data, Number)) as [
          Float64Array,
          Float64Array,
          Float64Array,
        ];
        totals[k] = combine(totals[k], { count: size! / mean.length, mean, variance });
      }
    }
  } finally {
    await session.release();
  }
  return totals as Moments[];
}

/** Moments of two samples together (Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm"). */
function combine(a: Moments | undefined, b: Moments): Moments {
  if (!a) return b;
  const count = a.count + b.count;
  const share = b.count / count;
  const between = (c: number) => share * (1 - share) * (b.mean[c]! - a.mean[c]!) ** 2;
  return {
    count,
    mean: a.mean.map((value, c) => value + share * (b.mean[c]! - value)),
    variance: a.variance.map((value, c) => value + share * (b.variance[c]! - value) + between(c)),
  };
}

function insertNorm(model: Model, { node, weight, bias }: Place, { mean, variance }: Moments): RestoredNorm {
  const output = node.outputs[0]!;
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
  node.outputs[0] = plain;
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
