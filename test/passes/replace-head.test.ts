import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { checkModel } from '../../src/ir/check.js';
import type { Model } from '../../src/ir/model.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { headConstants, replaceHead } from '../../src/passes/replace-head.js';
import { seededRandom } from '../../src/random.js';
import { Session } from '../../src/runtime/session.js';

const parse = (text: string) => parseModel(`<ir_version: 8, opset_import: ["": 17]> ${text}`);

/** The model with a head for three classes, checked by running it. */
async function replaced(text: string, dims: readonly number[] = [2, 2]) {
  const model = parse(text);
  const head = replaceHead(model, 'y', 3, seededRandom(1));
  checkModel(model);
  const count = dims.reduce((a, b) => a * b);
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const { y } = await session.run({ x: { type: 'float32', dims, data: new Float32Array(count).fill(1) } });
  await session.release();
  return { model, head, shape: y!.dims, output: shapeOf(model) };
}

const shapeOf = ({ graph }: Model) => {
  const { type } = graph.outputs[0]!;
  return type?.kind === 'tensor' ? type.shape : undefined;
};

const numbers = (model: Model, name: string) => [...model.constant(name)!.toNumbers()];

describe('replaceHead', () => {
  it.each([
    ['a dense layer', 'y = Gemm(h, w, b)', 'float[2,4] w = {1,2,3,4,5,6,7,8}, float[4] b = {1,2,3,4}', [2, 3]],
    [
      'with its weight transposed',
      'z = Gemm<transB = 1>(h, w, b) y = Softmax(z)',
      'float[4,2] w = {1,2,3,4,5,6,7,8}, float[1,4] b = {1,2,3,4}',
      [3, 2],
    ],
    [
      'a product and a sum',
      'z = MatMul(h, w) s = Add(b, z) y = Sigmoid(s)',
      'float[2,4] w = {1,2,3,4,5,6,7,8}, float[4] b = {1,2,3,4}',
      [2, 3],
    ],
    [
      'a weight behind Transpose',
      't = Transpose<perm = [1,0]>(w) z = MatMul(h, t) y = Add(z, b)',
      'float[4,2] w = {1,2,3,4,5,6,7,8}, float[4] b = {1,2,3,4}',
      [3, 2],
    ],
  ])('%s', async (_, layer, constants, dims) => {
    const { model, head, shape, output } = await replaced(
      `f (float[n,2] x) => (float[n,4] y) <${constants}> { h = Relu(x) ${layer} }`,
    );
    expect([shape, output]).toEqual([
      [2, 3],
      ['n', 3],
    ]);
    expect([head.constants, head.classes]).toEqual([['w', 'b'], 3]);
    expect(model.constant('w')!.dims).toEqual(dims);
    expect(numbers(model, 'b')).toEqual([0, 0, 0]);
    const weight = numbers(model, 'w');
    expect(new Set(weight).size).toBe(6);
    expect(weight.every((value) => Math.abs(value) <= 1 / Math.sqrt(2))).toBe(true);
  });

  it('a convolution on one pixel, behind it a shape that is computed', async () => {
    const { shape, output, model } = await replaced(
      `f (float[n,2,4,4] x) => (float[n,4] y) <float[4,2,1,1] w = {1,2,3,4,5,6,7,8}, int64[1] classes = {4}>
        { p = GlobalAveragePool(x) c = Conv(p, w) n = Shape<end = 1>(x) s = Concat<axis = 0>(n, classes)
          y = Reshape(c, s) }`,
      [5, 2, 4, 4],
    );
    expect([shape, output, model.constant('w')!.dims]).toEqual([
      [5, 3],
      ['n', 3],
      [3, 2, 1, 1],
    ]);
  });

  it('cosines times a factor', async () => {
    const { shape } = await replaced(
      `f (float[n,2] x) => (float[n,4] y) <float[2,4] w = {1,2,3,4,5,6,7,8}, float ten = {10}>
        { u = LpNormalization(x) c = MatMul(u, w) y = Mul(ten, c) }`,
    );
    expect(shape).toEqual([2, 3]);
  });

  it('a convolution on one pixel', async () => {
    const { shape, output, model } = await replaced(
      `f (float[n,2,4,4] x) => (float[n,2] y) <float[2,2,1,1] w = {1,2,3,4}, float[2] b = {1,2}>
        { p = GlobalAveragePool(x) c = Conv(p, w, b) y = Flatten(c) }`,
      [5, 2, 4, 4],
    );
    expect([shape, output, model.constant('w')!.dims]).toEqual([
      [5, 3],
      ['n', 3],
      [3, 2, 1, 1],
    ]);
  });

  it.each([
    ['Flatten', 'y = Flatten(p)'],
    ['Reshape to the classes', 'y = Reshape(p, s)'],
    ['nothing', 'y = ReduceMean<axes = [2,3], keepdims = 0>(r)'],
  ])('a convolution whose scores are averaged over pixels, then %s', async (_, last) => {
    const { shape, output, model } = await replaced(
      `f (float[n,2,4,4] x) => (float[n,2] y) <float[2,2,1,1] w = {1,2,3,4}, float[2] b = {1,2}, int64[2] s = {-1,2}>
        { c = Conv(x, w, b) r = Relu(c) p = GlobalAveragePool(r) ${last} }`,
      [5, 2, 4, 4],
    );
    expect([shape, output, model.constant('w')!.dims]).toEqual([
      [5, 3],
      ['n', 3],
      [3, 2, 1, 1],
    ]);
  });

  it('a weight that is an input too', async () => {
    const { head, model } = await replaced(
      'f (float[n,2] x, float[2,2] w = {1,2,3,4}) => (float[n,2] y) { y = MatMul(x, w) }',
    );
    expect([head.constants, model.graph.initializers.get('w')!.dims]).toEqual([['w'], [2, 3]]);
  });

  it('without a bias, in a Constant node', async () => {
    const { head, shape, model } = await replaced(
      'f (float[n,2] x) => (float[n,2] y) { w = Constant<value = float[2,2] {1,2,3,4}>() y = MatMul(x, w) }',
    );
    expect([head.constants, shape, model.graph.nodes.length]).toEqual([['w'], [2, 3], 2]);
  });

  it('one score becomes several, and a batch of one stays one', async () => {
    const { shape, output, model } = await replaced(
      'f (float[1,2] x) => (float[1,1] y) <float[2,1] w = {1,2}, float[1,1] b = {3}> { y = Gemm(x, w, b) }',
      [1, 2],
    );
    expect([shape, output, model.constant('b')!.dims]).toEqual([
      [1, 3],
      [1, 3],
      [1, 3],
    ]);
  });

  it('leaves a bias to the other layers that share it', async () => {
    const { model, head } = await replaced(
      `f (float[n,2] x) => (float[n,2] y) <float[2,2] v = {1,2,3,4}, float[2,2] w = {1,2,3,4}, float[2] b = {5,6}>
        { h = Gemm(x, v, b) y = Gemm(h, w, b) }`,
    );
    expect(numbers(model, 'b')).toEqual([5, 6]);
    expect(numbers(model, head.constants[1]!)).toEqual([0, 0, 0]);
  });

  it('its constants are named before they are replaced', () => {
    const model = parse(
      'f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,2,3,4}, float[2] b = {1,2}> { z = MatMul(x, w) y = Add(z, b) }',
    );
    expect(headConstants(model, 'y')).toEqual(['w', 'b']);
  });

  it('the same seed gives the same weights', () => {
    const text = 'f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,2,3,4}> { y = MatMul(x, w) }';
    const weights = [1, 1, 2].map((seed) => {
      const model = parse(text);
      replaceHead(model, 'y', 5, seededRandom(seed));
      return numbers(model, 'w');
    });
    expect(weights[0]).toEqual(weights[1]);
    expect(weights[0]).not.toEqual(weights[2]);
  });

  it.each([
    ['y = MaxPool<kernel_shape = [1]>(x)', 'its scores come from y (MaxPool)'],
    ['a = MatMul(x, w) y = Relu(a)', 'its scores come from y (Relu)'],
    ['a = MatMul(x, w) y = MatMul(a, w)', 'its scores come from y (MatMul), whose weight other nodes use too'],
    ['y = MatMul(x, x)', 'its scores come from y (MatMul)'],
    ['y = Identity(x)', 'its scores come from no layer'],
    ['a = MatMul(x, w) y = Add(a, half)', 'its scores come from a (MatMul)'],
  ])('%s is refused', (layers, reason) => {
    const model = parse(
      `f (float[1,2,2] x) => (float[1,2,2] y) <float[2,2] w = {1,2,3,4}, float half = {0.5}> { ${layers} }`,
    );
    expect(() => replaceHead(model, 'y', 3, seededRandom(1))).toThrow(UserError);
    expect(() => replaceHead(model, 'y', 3, seededRandom(1))).toThrow(`the last layer cannot be replaced: ${reason}`);
  });
});
