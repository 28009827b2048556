import type { NamedValues } from '../../src/ir/types.js';
import { seededRandom } from '../../src/random.js';
import { classification, ROW_WEIGHTS, TARGETS } from '../../src/training/objectives.js';
import type { Optimizer } from '../../src/training/optimizers.js';
import { prepareForTraining } from '../../src/training/prepare.js';
import { buildStepGraph, type StepGraph } from '../../src/training/step-graph.js';
import { floats, graphOf, int64s, randomFloats } from '../ops/gradients/check-gradient.js';

/** An optimizer with nothing turned on. */
export const sgd: Optimizer = {
  name: 'sgd',
  momentum: 0,
  nesterov: false,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradientNorm: 0,
  emaDecay: 0,
};

const weight = (name: string, dims: readonly number[], seed: number) =>
  `float[${dims}] ${name} = {${Array.from(randomFloats(dims, seed, 0.5).data as Float32Array, (value) => value.toFixed(4))}}`;

/** A small classifier of images with one channel: a convolution and two dense layers, 51 parameters. */
export const convolutional = `f (float[n,1,4,4] x) => (float[n,3] y)
  <${weight('kernel', [2, 1, 3, 3], 1)}, ${weight('shift', [2], 2)}, ${weight('first', [8, 2], 3)},
   ${weight('offset', [2], 4)}, ${weight('second', [2, 3], 5)}, ${weight('last', [3], 6)}>
  {
    c = Conv<kernel_shape = [3,3]>(x, kernel, shift)
    r = Relu(c)
    h = Flatten(r)
    d = Gemm(h, first, offset)
    t = Tanh(d)
    y = Gemm(t, second, last)
  }`;

/** The step graph of a classifier whose logits are `y`. */
export async function classifier(text: string, classes: number, keepZeros = false): Promise<StepGraph> {
  const objective = classification({
    ...{ output: 'y', kind: 'single-label', probabilities: false },
    ...{ classes, labelSmoothing: 0 },
  });
  return buildStepGraph(await prepareForTraining(graphOf(text)), { objective, keepZeros });
}

/** A batch of random samples, each with the same weight; the weights sum to `total`. */
export function batchOf(rows: number, dims: readonly number[], classes: number, seed: number, total = 1): NamedValues {
  const random = seededRandom(seed);
  return {
    x: randomFloats([rows, ...dims], seed),
    [TARGETS]: int64s(
      [rows],
      Array.from({ length: rows }, () => Math.floor(random() * classes)),
    ),
    [ROW_WEIGHTS]: floats([rows], Array(rows).fill(total / rows)),
  };
}
