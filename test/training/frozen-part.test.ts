import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/model.js';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { cutFrozenPart, type FrozenPart } from '../../src/training/frozen-part.js';
import { freezeParameters, prepareForTraining } from '../../src/training/prepare.js';
import { buildStepGraph } from '../../src/training/step-graph.js';
import { floats, graphOf } from '../ops/gradients/check-gradient.js';

const network = `f (float[n,2] x) => (float[n,2] y)
  <float[2,3] w = {1,2,3,4,5,6}, float[3,2] v = {1,-1,2,-2,3,-3}, float[2] b = {0.5,0.25}>
  { h = MatMul(x, w) r = Relu(h) z = Gemm(r, v, b) y = Softmax(z) }`;

/** The cut of a model in which only some parameters are trained. */
async function cut(text: string, trained: readonly string[]): Promise<FrozenPart | undefined> {
  const prepared = await prepareForTraining(graphOf(text));
  return cutFrozenPart(freezeParameters(prepared, ({ name }) => !trained.includes(name)));
}

const typesOf = ({ graph }: Model) => graph.nodes.map(({ type }) => type);
const inputsOf = ({ graph }: Model) => graph.inputs.map(({ name }) => name);

async function run(model: Model, feeds: NamedValues): Promise<NamedValues> {
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const results = await session.run(feeds);
  await session.release();
  return results;
}

describe('cutFrozenPart', () => {
  it('cuts where the first trained parameter comes in', async () => {
    const part = (await cut(network, ['v', 'b']))!;
    expect(part.values).toEqual([{ name: 'r', sizes: [3], type: 'float32' }]);
    expect([typesOf(part.features), inputsOf(part.features)]).toEqual([['MatMul', 'Relu'], ['x']]);
    expect([typesOf(part.trained.model), inputsOf(part.trained.model)]).toEqual([
      ['Gemm', 'Softmax'],
      ['v', 'b', 'r'],
    ]);
  });

  it('both parts together give what the model gives', async () => {
    const part = (await cut(network, ['v', 'b']))!;
    const x = floats([2, 2], [1, -1, 0.5, 0.25]);
    const features = await run(part.features, { x });
    const weights = Object.fromEntries(part.trained.parameters.map(({ name, tensor }) => [name, tensor.toValue()]));
    const { y } = await run(part.trained.model, { ...features, ...weights });
    expect(y).toEqual((await run(graphOf(network), { x })).y);
  });

  it('there may be several features', async () => {
    const text = `f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,2,3,4}, float[2,2] v = {1,2,3,4}>
      { h = MatMul(x, w) a = Relu(h) b = Neg(h) z = MatMul(a, v) y = Add(z, b) }`;
    expect((await cut(text, ['v']))!.values).toEqual([
      { name: 'a', sizes: [2], type: 'float32' },
      { name: 'b', sizes: [2], type: 'float32' },
    ]);
  });

  it('is not made where a feature has other rows than the samples, as all tokens of a batch', async () => {
    const text = `f (float[n,4,2] x) => (float[n,2] y)
      <float[2,2] w = {1,2,3,4}, float[2,2] v = {1,2,3,4}, int64[2] rows = {-1, 2}, int64[3] back = {-1, 4, 2}, int64[1] axis = {1}>
      { t = Reshape(x, rows) h = MatMul(t, w) r = Relu(h) z = MatMul(r, v) u = Reshape(z, back) y = ReduceMean<keepdims = 0>(u, axis) }`;
    expect(await cut(text, ['v'])).toBeUndefined();
  });

  it('an output that nothing trained influences does not keep the inputs of the frozen part', async () => {
    const text = network.replace('(float[n,2] y)', '(float[n,2] y, float[n,3] h)');
    const part = (await cut(text, ['v', 'b']))!;
    const { model } = await buildStepGraph(part.trained, {
      objective: ({ g }) => g.op('ReduceSum', ['y'], { keepdims: 0 }),
    });
    expect(inputsOf(model)).toEqual(['v', 'b', 'r']);
  });

  it.each([
    ['everything is trained', network, ['w', 'v', 'b']],
    [
      'a trained layer takes an input as well',
      `f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,2,3,4}, float[2,2] v = {1,2,3,4}>
        { h = MatMul(x, w) z = MatMul(h, v) m = Mul(z, x) y = Relu(m) }`,
      ['v'],
    ],
    [
      'features have no fixed size',
      `f (float[n,l,2] x) => (float[n,l,2] y) <float[2,2] w = {1,2,3,4}, float[2,2] v = {1,2,3,4}>
        { h = MatMul(x, w) y = MatMul(h, v) }`,
      ['v'],
    ],
    ['the batch is fixed', network.replaceAll('[n,', '[4,'), ['v', 'b']],
    [
      'features are integers',
      `f (float[n,2] x) => (float[n,2,2] y) <float[2,2] w = {1,2,3,4}, float[9,2] v = {${Array(18).fill(1)}}>
        { h = MatMul(x, w) i = Cast<to = 7>(h) y = Gather(v, i) }`,
      ['v'],
    ],
  ])('does not where %s', async (_, text, trained) => {
    expect(await cut(text, trained)).toBeUndefined();
  });
});
