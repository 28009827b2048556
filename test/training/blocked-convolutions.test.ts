import { expect, test } from 'vitest';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import type { ValueType } from '../../src/ir/graph.js';
import type { Model } from '../../src/ir/model.js';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { runPasses } from '../../src/passes/pass.js';
import { convolutionBlock } from '../../src/runtime/convolution-block.js';
import { countOperators } from '../../src/runtime/kernels.js';
import { Session } from '../../src/runtime/session.js';
import { blockConvolutions } from '../../src/training/blocked-convolutions.js';
import { differentiate } from '../../src/training/differentiate.js';
import { graphOf, randomFloats } from '../ops/gradients/check-gradient.js';

const block = await convolutionBlock();

/** Declared sizes; 3 for a symbol. */
function sizesOf(type: ValueType | undefined): number[] {
  return type?.kind === 'tensor' ? (type.shape ?? []).map((size) => (typeof size === 'number' ? size : 3)) : [];
}

/** Feeds random values of the inputs' declared shapes. */
function feedsFor(model: Model): NamedValues {
  return Object.fromEntries(
    model.graph.inputs.map(({ name, type }, k) => [name, randomFloats(sizesOf(type), k + 1, 0.5)]),
  );
}

async function run(model: Model, feeds: NamedValues): Promise<Float32Array[]> {
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const outputs = await session.run(feeds);
  await session.release();
  return model.graph.outputs.map(({ name }) => outputs[name]!.data as Float32Array);
}

/** Runs a model before and after the pass; gives how often each operator stands in the result. */
async function rewrite(model: Model): Promise<Record<string, number>> {
  const feeds = feedsFor(model);
  const expected = await run(model, feeds);
  await runPasses(model, [blockConvolutions(block!)]);
  const actual = await run(model, feeds);
  for (const [k, values] of expected.entries()) {
    const scale = Math.max(...values.map(Math.abs));
    expect(Math.max(...values.map((value, i) => Math.abs(value - actual[k]![i]!))) / scale).toBeLessThan(1e-5);
  }
  return countOperators(model);
}

const REORDERS = ['com.microsoft.nchwc.ReorderInput', 'com.microsoft.nchwc.ReorderOutput'] as const;

test.skipIf(!block)('values stay blocked from one convolution to the next', async () => {
  const counts = await rewrite(
    graphOf(`f (float[2,16,6,6] x, float[16,16,3,3] v, float[32,16,3,3] w, float[32] b, float[16,1,1] s)
      => (float[2,32,6,6] y) {
      a = Conv<pads = [1, 1, 1, 1]>(x, v)
      r = Relu(a)
      m = Mul(r, s)
      d = Add(m, x)
      y = Conv<pads = [1, 1, 1, 1]>(d, w, b)
    }`),
  );
  // Two convolutions, and the product with a value per channel.
  expect(counts['com.microsoft.nchwc.Conv']).toBe(3);
  // The image, both weights; the result.
  expect(REORDERS.map((type) => counts[type])).toEqual([3, 1]);
});

test.skipIf(!block)('fake quantization stays blocked, with one scale and not with one per channel', async () => {
  const between = (dims: string, values: string) =>
    graphOf(`f (float[2,16,6,6] x, float[16,16,3,3] v, float[32,16,3,3] w) => (float[2,32,2,2] y)
      <float${dims} s = {${values}}, uint8${dims} z = {${values.replaceAll('0.05', '100')}}> {
      a = Conv(x, v)
      q = QuantizeLinear(a, s, z)
      d = DequantizeLinear(q, s, z)
      y = Conv(d, w)
    }`);
  const one = await rewrite(between('', '0.05'));
  expect(REORDERS.map((type) => one[type])).toEqual([3, 1]);
  const each = await rewrite(between('[16]', Array(16).fill('0.05').join(', ')));
  expect(REORDERS.map((type) => each[type])).toEqual([4, 2]);
});

test.skipIf(!block)('sums, means and pools take blocked values', async () => {
  const counts = await rewrite(
    graphOf(`f (float[2,24,6,6] x, float[24,1,3,3] w, float[2,1,6,6] mask) => (float[2,24] m, float[1,24,1,1] s, float[2,24,3,3] p) {
      c = Conv<group = 24, pads = [1, 1, 1, 1]>(x, w)
      masked = Mul(c, mask)
      planes = Constant<value_ints = [2, 3]>()
      all = Constant<value_ints = [0, -1, -2]>()
      m = ReduceMean<keepdims = 0>(masked, planes)
      s = ReduceSum<keepdims = 1>(masked, all)
      p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(masked)
    }`),
  );
  expect(counts[REORDERS[1]]).toBe(1);
});

test.skipIf(!block)('comparisons that are needed plain are made twice, not reordered', async () => {
  await rewrite(
    graphOf(`f (float[2,16,4,4] x, float[16,16,1,1] w, float[2,16,4,4] z) => (float[2,16,4,4] y, float[2,64,4] p) {
      zero = Constant<value_float = 0.0>()
      c = Conv(x, w)
      positive = Greater(c, zero)
      y = Where(positive, z, c)
      f = Cast<to = 1>(positive)
      shape = Constant<value_ints = [2, 64, 4]>()
      p = Reshape(f, shape)
    }`),
  );
});

test.skipIf(!block)('a mask of a value that exists in both forms is computed where it is wanted', async () => {
  const counts = await rewrite(
    graphOf(`f (float[2,16,6,6] x, float[16,16,1,1] v, float[16,16,1,1] w) => (float[2,16,36] p, float[2,16,36] q, float[2,16,6,6] y) {
      shape = Constant<value_ints = [2, 16, 36]>()
      r = Conv(x, v)
      p = Reshape(r, shape)
      blocked = HardSigmoid<alpha = 2.0, beta = 0.0>(r)
      plain = HardSigmoid<alpha = 3.0, beta = 0.0>(r)
      q = Reshape(plain, shape)
      d = Conv(x, w)
      y = Mul(d, blocked)
    }`),
  );
  expect(counts.HardSigmoid).toBe(2);
  // The image and both weights; r and y.
  expect(REORDERS.map((type) => counts[type])).toEqual([3, 2]);
});

test.skipIf(!block)('maps per channel are depthwise convolutions, a Relu is part of the one before it', async () => {
  const counts = await rewrite(
    graphOf(`f (float[2,24,6,6] x, float[24,24,1,1] w, float[24,1,1] s, float[1,24,1,1] t, float[2,24,1,1] u) => (float[2,24,6,6] y) {
      c = Conv(x, w)
      r = Relu(c)
      a = Mul(r, s)
      b = Sub(t, a)
      d = Sub(b, t)
      e = Add(s, d)
      f = Relu(e)
      y = Mul(f, u)
    }`),
  );
  expect([counts.Relu, counts.Add, counts.Mul, counts.Sub]).toEqual([undefined, undefined, 1, 1]);
});

const NORMALIZED = `
  c = Conv<pads = [1, 1, 1, 1]>(x, w)
  m = Mul(t, t)
  v = Mul(t, t)`;
const OUTPUTS = 'float[4,24,5,5] y, float[4,24,5,5] z';
const INPUTS = 'float[4,24,5,5] x, float[24,24,3,3] w, float[24] s, float[24] t';

test.skipIf(!block)('batch normalization with constant statistics', async () => {
  const counts = await rewrite(
    graphOf(`f (${INPUTS}) => (${OUTPUTS}) { ${NORMALIZED}
      n = BatchNormalization(c, s, t, m, v)
      y = Relu(n)
      z = Sigmoid(c)
    }`),
  );
  expect([counts.BatchNormalization, counts.Relu]).toEqual([undefined, undefined]);
});

test.skipIf(!block)('batch normalization with the statistics of the batch', async () => {
  const counts = await rewrite(
    graphOf(`f (${INPUTS}) => (${OUTPUTS}, float[24] mean, float[24] variance) { ${NORMALIZED}
      y, mean, variance = BatchNormalization<training_mode = 1, momentum = 0.0>(c, s, t, m, v)
      z = Relu(y)
    }`),
  );
  expect(counts.BatchNormalization).toBeUndefined();
});

test.skipIf(!block)('a network on one axis and its gradients', async () => {
  const model =
    graphOf(`f (float[16,16,12] x, float[16,16,3] v, float[16] b, float[16,16,3] w, float[16,16,6] dy) => (float[16,16,6] y) {
    a = Conv<pads = [1, 1]>(x, v, b)
    r = Relu(a)
    p = MaxPool<kernel_shape = [2], strides = [2]>(r)
    y = Conv<pads = [1, 1]>(p, w)
  }`);
  const facts = await inferValueTypes(model);
  const gradients = differentiate(model, new Map([['y', 'dy']]), ['v', 'b', 'w'], { facts, blockSize: block });
  model.graph.outputs.push(...[...gradients.values()].map((name) => ({ name })));
  const counts = await rewrite(model);
  expect(counts.Conv).toBeUndefined();
});

test.skipIf(!block).each(['16', 'n'])('a residual network and its gradients, %s rows', async (rows) => {
  const model =
    graphOf(`f (float[${rows},1,8,8] x, float[16,1,3,3] u, float[16,16,3,3] v, float[16] b, float[32,16,3,3] w, float[${rows},32] dy) => (float[${rows},32] y) {
    s = Conv<pads = [1, 1, 1, 1]>(x, u)
    q = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(s)
    a = Conv<pads = [1, 1, 1, 1]>(q, v, b)
    r = Relu(a)
    t = Add(r, q)
    z = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(t, w)
    axes = Constant<value_ints = [2, 3]>()
    y = ReduceMean<keepdims = 0>(z, axes)
  }`);
  const facts = await inferValueTypes(model);
  const gradients = differentiate(model, new Map([['y', 'dy']]), ['u', 'v', 'b', 'w'], { facts, blockSize: block });
  model.graph.outputs.push(...[...gradients.values()].map((name) => ({ name })));
  const counts = await rewrite(model);
  // With an open number of rows the gradients of the weights keep to standard operators.
  expect(counts.Conv).toBe(rows === 'n' ? 3 : undefined);
});

test.skipIf(!block)('few channels under a kernel as long as a signal stay a matrix product', async () => {
  const swapped = (taps: number) =>
    graphOf(`f (float[1,8,32,${taps + 2}] x, float[16,8,1,${taps}] w) => (float[1,16,32,3] y) { y = Conv(x, w) }`);
  expect((await rewrite(swapped(65))).Conv).toBe(1);
  expect((await rewrite(swapped(64))).Conv).toBeUndefined();
});

test.skipIf(!block)('what does not fit stays as it is', async () => {
  const counts = await rewrite(
    graphOf(`f (float[2,5,6,6] x, float[7,5,3,3] w, float[4,16,5,5,5] z, float[16,16,1,1,1] v) => (float[2,7,4,4] y, float[4,16,5,5,5] q) {
      y = Conv(x, w)
      q = Conv(z, v)
    }`),
  );
  expect(counts).toEqual({ Conv: 2 });
});
