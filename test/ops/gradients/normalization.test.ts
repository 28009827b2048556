import { describe, expect, test } from 'vitest';
import { checkGradient, floats, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

const variance = floats([3], [0.5, 1, 2]);
const scale = floats([3], [0.5, -1, 2]);
const vectors = { s: scale, b: randomFloats([3], 3), m: randomFloats([3], 4), v: variance };

describe('BatchNormalization', () => {
  test.each(['[4,3]', '[4,3,5]', '[n,3,2,2]', '[2,3,n,2,1]'])('constant statistics, input %s', async (shape) => {
    const model = graphOf(
      `f (float${shape} x, float[3] s, float[3] b, float[3] m, float[3] v) => (float${shape} y)
       { y = BatchNormalization<epsilon = 0.1>(x, s, b, m, v) }`,
    );
    const dims = JSON.parse(shape.replace('n', '4')) as number[];
    await checkGradient(model, { x: randomFloats(dims), ...vectors });
  });

  test.each([
    ['[5,3]', 0],
    ['[5,3]', 0.5],
    ['[4,3,5]', 0],
    ['[4,3,5]', 0.9],
    ['[n,3,2,2]', 0.5],
  ])('statistics of the batch, input %s, momentum %d', async (shape, momentum) => {
    const model = graphOf(
      `f (float${shape} x, float[3] s, float[3] b) => (float${shape} y)
       <float[3] m = {0.1, 0.2, -0.3}, float[3] v = {0.5, 1, 2}>
       { y, mean, variance = BatchNormalization<training_mode = 1, momentum = ${momentum.toFixed(1)}>(x, s, b, m, v) }`,
    );
    const dims = JSON.parse(shape.replace('n', '5')) as number[];
    await checkGradient(model, { x: randomFloats(dims), s: scale, b: vectors.b });
  });

  test('only the scale is wanted', async () => {
    const model = graphOf(
      `f (float[2,3,4] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float[2,3,4] y)
       { y = BatchNormalization(x, s, b, m, v) }`,
    );
    const gradients = await gradientsOf(model, { x: randomFloats([2, 3, 4]), ...vectors }, { by: ['s'] });
    expect(gradients.s!.dims).toEqual([3]);
  });

  test('running statistics that reach the loss are refused', async () => {
    const model = graphOf(
      `f (float[5,3] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float[5,3] y, float[3] mean)
       { y, mean, variance = BatchNormalization<training_mode = 1>(x, s, b, m, v) }`,
    );
    await expect(gradientsOf(model, { x: randomFloats([5, 3]), ...vectors }, { by: ['x'] })).rejects.toThrow(
      'its running statistics cannot carry a gradient',
    );
  });
});

describe('LayerNormalization', () => {
  test.each([
    ['[4,6]', '[6]', -1],
    ['[n,3,6]', '[6]', 2],
    ['[2,n,3,4]', '[3,4]', -2],
    ['[2,3,2]', '[3,2]', 1],
    ['[3,4]', '[3,4]', 0],
  ])('input %s, scale %s, axis %d', async (shape, scaleShape, axis) => {
    const model = graphOf(
      `f (float${shape} x, float${scaleShape} s, float${scaleShape} b) => (float${shape} y)
       { y = LayerNormalization<axis = ${axis}, epsilon = 0.01>(x, s, b) }`,
    );
    const dims = JSON.parse(shape.replace('n', '3')) as number[];
    const normalized = JSON.parse(scaleShape) as number[];
    await checkGradient(model, {
      x: randomFloats(dims),
      s: randomFloats(normalized, 2),
      b: randomFloats(normalized, 3),
    });
  });

  test('without a bias, with its statistics as outputs', async () => {
    const model = graphOf(
      `f (float[4,6] x, float[6] s) => (float[4,6] z)
       { y, mean, deviation = LayerNormalization(x, s) z = Add(y, x) }`,
    );
    await checkGradient(model, { x: randomFloats([4, 6]), s: randomFloats([6], 2) });
  });

  test('statistics that reach the loss are refused', async () => {
    const model = graphOf(
      'f (float[4,6] x, float[6] s) => (float[4,6] y, float[4,1] mean) { y, mean = LayerNormalization(x, s) }',
    );
    await expect(gradientsOf(model, { x: randomFloats([4, 6]), s: randomFloats([6], 2) })).rejects.toThrow(
      'its statistics cannot carry a gradient',
    );
  });
});

test.each([
  ['[4,6]', '[6]', -1],
  ['[n,3,4]', '[3,4]', 1],
])('RMSNormalization of %s, scale %s, axis %d', async (shape, scaleShape, axis) => {
  const model = graphOf(
    `f (float${shape} x, float${scaleShape} s) => (float${shape} y) { y = RMSNormalization<axis = ${axis}>(x, s) }`,
    23,
  );
  const dims = JSON.parse(shape.replace('n', '2')) as number[];
  await checkGradient(model, { x: randomFloats(dims), s: randomFloats(JSON.parse(scaleShape) as number[], 2) });
});

test.each(['[2,3,5]', '[n,3,2,m]'])('InstanceNormalization of %s', async (shape) => {
  const model = graphOf(
    `f (float${shape} x, float[3] s, float[3] b) => (float${shape} y) { y = InstanceNormalization(x, s, b) }`,
  );
  const dims = JSON.parse(shape.replace('n', '2').replace('m', '4')) as number[];
  await checkGradient(model, { x: randomFloats(dims), s: scale, b: vectors.b });
});

test.each([
  [18, 2, '[2,4,5]'],
  [18, 2, '[n,4,2,m]'],
  [21, 4, '[2,4,5]'],
  [21, 4, '[n,4,2,m]'],
])('GroupNormalization of operator set %d with %d scales, input %s', async (opset, scales, shape) => {
  const model = graphOf(
    `f (float${shape} x, float[${scales}] s, float[${scales}] b) => (float${shape} y)
     { y = GroupNormalization<num_groups = 2, epsilon = 0.01>(x, s, b) }`,
    opset,
  );
  const dims = JSON.parse(shape.replace('n', '2').replace('m', '3')) as number[];
  await checkGradient(model, { x: randomFloats(dims), s: randomFloats([scales], 2), b: randomFloats([scales], 3) });
});

test.each([
  [1, -1],
  [2, 1],
])('LpNormalization, p = %d, axis %d', async (p, axis) => {
  const model = graphOf(`f (float[2,4,3] x) => (float[2,4,3] y) { y = LpNormalization<p = ${p}, axis = ${axis}>(x) }`);
  await checkGradient(model, { x: randomFloats([2, 4, 3], 3) }, { step: 1e-3 });
});

test.each(['', '<axes = [1, 3]>'])('MeanVarianceNormalization%s', async (attributes) => {
  const model = graphOf(`f (float[n,3,2,4] x) => (float[n,3,2,4] y) { y = MeanVarianceNormalization${attributes}(x) }`);
  await checkGradient(model, { x: randomFloats([2, 3, 2, 4]) });
});

test.each([1, 3, 5])('LRN over %d channels', async (size) => {
  const model = graphOf(
    `f (float[n,5,2,3] x) => (float[n,5,2,3] y) { y = LRN<size = ${size}, alpha = 0.9, beta = 0.6, bias = 1.5>(x) }`,
  );
  await checkGradient(model, { x: randomFloats([2, 5, 2, 3]) });
});
