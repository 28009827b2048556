import { describe, expect, it } from 'vitest';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { executionOrder } from '../../src/runtime/execution-order.js';
import { Session } from '../../src/runtime/session.js';
import { peakActivationBytes } from '../../src/training/memory.js';
import { classification } from '../../src/training/objectives.js';
import { prepareForTraining } from '../../src/training/prepare.js';
import { buildStepGraph, type StepGraph, type StepGraphOptions } from '../../src/training/step-graph.js';
import { floats, graphOf, randomFloats } from '../ops/gradients/check-gradient.js';
import { batchOf } from './toy.js';

const list = (dims: readonly number[], seed: number, scale: number) =>
  `{${Array.from(randomFloats(dims, seed, scale).data as Float32Array, (value) => value.toFixed(4))}}`;

/** Eight dense layers with a skip over each pair, the last one to three classes. */
const DENSE = {
  dims: [16],
  text: `f (float[n,16] x) => (float[n,3] y)
    <${Array.from({ length: 8 }, (_, k) => `float[16,16] w${k} = ${list([16, 16], k, 0.3)}`).join(',')},
     float[16,3] last = ${list([16, 3], 9, 0.3)}>
    { s0 = Identity(x) ${Array.from({ length: 8 }, (_, k) => `m${k} = MatMul(s${k}, w${k}) t${k} = Tanh(m${k}) s${k + 1} = Add(s${k}, t${k})`).join(' ')}
      y = MatMul(s8, last) }`,
};

/** Convolutions with batch normalizations. */
const CONVOLUTIONAL = {
  dims: [2, 6, 6],
  text: `f (float[n,2,6,6] x) => (float[n,3] y)
    <${Array.from({ length: 6 }, (_, k) => `float[4,${k ? 4 : 2},3,3] w${k} = ${list([4, k ? 4 : 2, 3, 3], k, 0.3)}, float[4] g${k} = {1,1,1,1}, float[4] b${k} = {0,0.1,0,0.2}, float[4] m${k} = {0,0,0,0}, float[4] v${k} = {1,1,1,1}`).join(',')},
     float[4,3] last = ${list([4, 3], 9, 0.3)}>
    { r0 = Identity(x) ${Array.from({ length: 6 }, (_, k) => `c${k} = Conv<pads = [1,1,1,1]>(r${k}, w${k}) n${k} = BatchNormalization(c${k}, g${k}, b${k}, m${k}, v${k}) r${k + 1} = Relu(n${k})`).join(' ')}
      p = GlobalAveragePool(r6) f = Flatten(p) y = MatMul(f, last) }`,
};

const objective = classification({
  ...{ output: 'y', kind: 'single-label', probabilities: false, classes: 3, labelSmoothing: 0 },
});

async function build(text: string, options: Partial<StepGraphOptions>): Promise<StepGraph> {
  return buildStepGraph(await prepareForTraining(graphOf(text)), { objective, ...options });
}

/** Outputs of a step by the name of the parameter; the loss under its own. */
async function run({ model, parameters, loss }: StepGraph, batch: NamedValues): Promise<Record<string, number[]>> {
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const held = parameters.map(({ name, tensor }) => [name, floats(tensor.dims, tensor.toFloats())] as const);
  const results = await session.run({ ...batch, ...Object.fromEntries(held) });
  await session.release();
  const values = (name: string) => Array.from(results[name]!.data as Float32Array);
  return {
    loss: values(loss),
    ...Object.fromEntries(parameters.map(({ name, gradient }) => [name, values(gradient)])),
  };
}

describe('recomputation', () => {
  it.each([
    ['dense layers', DENSE, false, undefined],
    ['dense layers, batches of one size', DENSE, false, 32],
    ['convolutions', CONVOLUTIONAL, false, undefined],
    ['convolutions in blocked layout', CONVOLUTIONAL, false, 32],
    ['batch normalizations in training', CONVOLUTIONAL, true, undefined],
    ['batch normalizations in training, in blocked layout', CONVOLUTIONAL, true, 32],
  ])('gives the same gradients with less memory: %s', async (_, { text, dims }, batchStatistics, rows) => {
    const typical = batchOf(32, dims, 3, 1);
    const options = { typical, batchStatistics, ...(rows === undefined ? {} : { rows }) };
    const plain = await build(text, options);
    const again = await build(text, { ...options, checkpointing: true });
    const [wanted, found] = [await run(plain, typical), await run(again, typical)];
    expect(Object.keys(found)).toEqual(Object.keys(wanted));
    for (const [name, values] of Object.entries(wanted))
      for (const [k, value] of values.entries()) expect(found[name]![k]).toBeCloseTo(value, 5);
    const peak = ({ model, sizes }: StepGraph) => peakActivationBytes(model, typical, sizes);
    expect(await peak(again)).toBeLessThan(0.8 * (await peak(plain)));
  });

  it('comes after the gradient of what follows, in the order in which ONNX Runtime runs nodes', async () => {
    const typical = batchOf(32, DENSE.dims, 3, 1);
    const { model } = await build(DENSE.text, { typical, rows: 32, checkpointing: true });
    const order = executionOrder(model.graph);
    const isAgain = order.map(({ outputs }) => outputs[0]!.includes('/again'));
    const lossAt = order.findIndex(({ outputs }) => outputs[0]!.startsWith('gradient/'));
    const first = isAgain.indexOf(true);
    expect(first).toBeGreaterThan(lossAt);
    const rest = isAgain.slice(first, isAgain.lastIndexOf(true) + 1);
    expect(rest).toContain(false);
  });

  it('leaves a graph alone that is too short for it', async () => {
    const text = `f (float[n,2] x) => (float[n,3] y) <float[2,3] w = {1,2,3,4,5,6}> { y = MatMul(x, w) }`;
    const { model, sizes } = await build(text, { typical: batchOf(4, [2], 3, 1), checkpointing: true });
    expect(sizes).toBeUndefined();
    expect(model.graph.nodes.some(({ name }) => name.startsWith('recompute/'))).toBe(false);
  });
});
