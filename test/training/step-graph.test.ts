import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { Tensor } from '../../src/ir/tensor.js';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { freezeParameters, prepareForTraining } from '../../src/training/prepare.js';
import { buildStepGraph, hasBatchNorms, type Objective } from '../../src/training/step-graph.js';
import { floats, graphOf } from '../ops/gradients/check-gradient.js';

/** The sum of all elements of an output. */
const sumOf =
  (output: string): Objective =>
  ({ g }) =>
    g.op('ReduceSum', [output], { keepdims: 0 });

/** The loss and the gradient of each parameter. */
async function stepOf(text: string, feeds: NamedValues, objective = sumOf('y'), keepZeros = false) {
  const options = { objective, keepZeros };
  const { model, loss, parameters } = await buildStepGraph(await prepareForTraining(graphOf(text)), options);
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const weights = Object.fromEntries(parameters.map(({ name, tensor }) => [name, tensor.toValue()]));
  const results = await session.run({ ...feeds, ...weights });
  await session.release();
  return {
    loss: Number(results[loss]!.data[0]),
    gradients: Object.fromEntries(
      parameters.map(({ name, gradient }) => [name, [...(results[gradient]!.data as Float32Array)]]),
    ),
    inputs: model.graph.inputs.map(({ name }) => name),
  };
}

const x = floats([1, 2], [1, 2]);

describe('buildStepGraph', () => {
  it('gives the loss and the gradients of all parameters', async () => {
    const text = `f (float[n,2] x) => (float[n,1] y) <float[2,1] w = {3,4}, float[1] b = {5}>
      { p = MatMul(x, w) y = Add(p, b) }`;
    const { loss, gradients, inputs } = await stepOf(text, { x });
    expect(loss).toBe(16);
    expect(gradients).toEqual({ w: [1, 2], b: [1] });
    expect(inputs).toEqual(['x', 'w', 'b']);
  });

  it('sums what a parameter gets where it is used twice', async () => {
    const text = `f (float[n,2] x) => (float[n,2] y) <float[2] w = {3,4}> { r = Relu(x) a = Mul(r, w) y = Mul(a, w) }`;
    expect((await stepOf(text, { x })).gradients).toEqual({ w: [2 * 3 * 1, 2 * 4 * 2] });
  });

  it('reshapes nothing twice in a row and lays out each weight once for each pass', async () => {
    const text = `f (float[16,16,8,8] x) => (float[16,32,4,4] y) <float v = {0}, float w = {0}> {
      a = Conv<pads = [1, 1, 1, 1]>(x, v) r = Relu(a) y = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(r, w) }`;
    const model = graphOf(text);
    for (const [name, filters] of Object.entries({ v: 16, w: 32 }))
      model.graph.initializers.set(
        name,
        Tensor.of(name, 'float32', [filters, 16, 3, 3], new Float32Array(filters * 144).fill(0.1)),
      );
    const trainable = await prepareForTraining(model);
    const { graph } = (await buildStepGraph(trainable, { objective: sumOf('y'), rows: 16 })).model;
    const { producer, consumers } = graph.index();
    const reshapes = graph.nodes.filter(({ type }) => type === 'Reshape');
    expect(reshapes.filter(({ inputs }) => producer.get(inputs[0]!)?.type === 'Reshape')).toEqual([]);
    for (const weight of ['v', 'w']) expect(consumers.get(weight)!.length).toBeLessThanOrEqual(2);
  });

  it('gives parameters with the same gradient an output each', async () => {
    const text = `f (float[n,2] x) => (float[n,2] y) <float[2] a = {1,1}, float[2] b = {2,2}>
      { r = Relu(x) s = Add(r, a) y = Add(s, b) }`;
    expect((await stepOf(text, { x })).gradients).toEqual({ a: [1, 1], b: [1, 1] });
  });

  it('gives zeros of matrices no gradient where they are to stay, but those of biases', async () => {
    const text = `f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {3,0,0,4}, float[2] b = {0,5}>
      { p = MatMul(x, w) y = Add(p, b) }`;
    expect((await stepOf(text, { x }, sumOf('y'), true)).gradients).toEqual({ w: [1, 0, 0, 2], b: [1, 1] });
    expect((await stepOf(text, { x })).gradients).toEqual({ w: [1, 1, 2, 2], b: [1, 1] });
  });

  it('leaves out a parameter that the loss does not depend on, and inputs that only it needed', async () => {
    const text = `f (float[n,2] x, float[n,2] z) => (float[n,2] y, float[n,2] other)
      <float[2] w = {1,2}, float[2,2] v = {1,2,3,4}>
      { r = Relu(x) y = Mul(r, w) other = MatMul(z, v) }`;
    const { gradients, inputs } = await stepOf(text, { x, z: x });
    expect(gradients).toEqual({ w: [1, 2] });
    expect(inputs).toEqual(['x', 'w']);
  });

  it('keeps a parameter constant that only passes where gradients end', async () => {
    const text = `f (float[n,2] x) => (float[n,2] y) <float[2] w = {1,2}, float[2] levels = {1.4,2.6}>
      { r = Relu(x) rounded = Round(levels) a = Mul(r, rounded) y = Mul(a, w) }`;
    expect(await stepOf(text, { x })).toEqual({ loss: 13, gradients: { w: [1, 6] }, inputs: ['x', 'w'] });
  });

  it('declares the inputs of an objective', async () => {
    const objective: Objective = ({ g, input }) =>
      g.op('ReduceSum', [g.mul('y', input('x', 'float32', ['n', 2]))], { keepdims: 0 });
    const text = 'f (float[n,2] x) => (float[n,2] y) <float[2] w = {3,4}> { r = Relu(x) y = Mul(r, w) }';
    const trainable = await prepareForTraining(graphOf(text));
    const { model } = await buildStepGraph(trainable, { objective });
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x', 'w', 'x_1']);
  });

  it('leaves the prepared model as it is, to be built from again', async () => {
    const text = 'f (float[n,2] x) => (float[n,2] y) <float[2] w = {3,4}> { r = Relu(x) y = Mul(r, w) }';
    const trainable = await prepareForTraining(graphOf(text));
    const first = await buildStepGraph(trainable, { objective: sumOf('y') });
    const second = await buildStepGraph(trainable, { objective: sumOf('y') });
    expect(Buffer.compare(encodeModel(first.model), encodeModel(second.model))).toBe(0);
  });

  it('refuses where everything is frozen', async () => {
    const text = 'f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,2,3,4}> { y = MatMul(x, w) }';
    const frozen = freezeParameters(await prepareForTraining(graphOf(text)), () => true);
    const error = await buildStepGraph(frozen, { objective: sumOf('y') }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toBe('nothing is left to train: everything is frozen; freeze less');
  });

  it('gives the next running statistics beside the gradients', async () => {
    const text = `f (float[n,1] x) => (float[n,1] y)
      <float[1] s = {2}, float[1] b = {0}, float[1] mean = {10}, float[1] variance = {1}>
      { y = BatchNormalization<momentum = 0.5>(x, s, b, mean, variance) }`;
    const trainable = await prepareForTraining(graphOf(text));
    const still = await buildStepGraph(trainable, { objective: sumOf('y') });
    expect(still.parameters).toHaveLength(2);
    expect(hasBatchNorms(trainable)).toBe(true);
    const { model, parameters } = await buildStepGraph(trainable, { objective: sumOf('y'), batchStatistics: true });
    expect(parameters.map(({ name, isStatistic = false }) => [name, isStatistic])).toEqual([
      ['s', false],
      ['b', false],
      ['mean', true],
      ['variance', true],
    ]);
    const session = await Session.create(encodeModel(model), { threads: 1 });
    const weights = Object.fromEntries(parameters.map(({ name, tensor }) => [name, tensor.toValue()]));
    const results = await session.run({ x: floats([2, 1], [1, 3]), ...weights });
    await session.release();
    const [, , mean, variance] = parameters.map(({ gradient }) => Number(results[gradient]!.data[0]));
    expect([mean, variance]).toEqual([10 * 0.5 + 2 * 0.5, 1 * 0.5 + 2 * 0.5]);
  });
});
