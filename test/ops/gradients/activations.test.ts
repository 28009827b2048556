import { describe, expect, test } from 'vitest';
import { checkGradient, floats, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

const POINTS = [-4.2, -2.6, -1.3, -0.6, -0.2, 0.15, 0.55, 1.2, 2.7, 4.1];

describe('activation functions', () => {
  test.each([
    'Relu',
    'LeakyRelu',
    'LeakyRelu<alpha=0.3>',
    'LeakyRelu<alpha=-0.5>',
    'ThresholdedRelu',
    'ThresholdedRelu<alpha=-0.5>',
    'Shrink',
    'Shrink<lambd=1.0, bias=0.2>',
    'Elu',
    'Elu<alpha=0.4>',
    'Celu',
    'Celu<alpha=0.4>',
    'Selu',
    'Selu<alpha=1.2, gamma=0.7>',
    'Sigmoid',
    'Tanh',
    'Softplus',
    'Softsign',
    'HardSigmoid',
    'HardSigmoid<alpha=0.5, beta=0.45>',
    'HardSwish',
    'Mish',
    'com.microsoft.Gelu',
    'com.microsoft.FastGelu',
    'com.microsoft.QuickGelu',
    'com.microsoft.QuickGelu<alpha=1.3>',
  ])('%s', async (op) => {
    const model = graphOf(`f (float[2,5] x) => (float[2,5] y) { y = ${op}(x) }`);
    await checkGradient(model, { x: floats([2, 5], POINTS) });
  });

  test.each([
    ['Gelu', 20],
    ['Gelu<approximate="tanh">', 20],
    ['Swish', 24],
    ['Swish<alpha=0.6>', 24],
  ])('%s of operator set %d', async (op, opset) => {
    const model = graphOf(`f (float[2,5] x) => (float[2,5] y) { y = ${op}(x) }`, opset);
    await checkGradient(model, { x: floats([2, 5], POINTS) });
  });

  test.each([
    ['Relu', 0],
    ['LeakyRelu', 0.01],
    ['Elu', 1],
    ['com.microsoft.Gelu', 0.5],
    ['HardSwish', 0.5],
    ['Mish', 0.6],
  ])('the slope of %s at zero is %d', async (op, slope) => {
    const model = graphOf(`f (float[1] x) => (float[1] y) { a = ${op}(x) y = Add(a, x) }`);
    const { x } = await gradientsOf(model, { x: floats([1], [0]) });
    const plain = graphOf('f (float[1] x) => (float[1] y) { y = Identity(x) }');
    const { x: weight } = await gradientsOf(plain, { x: floats([1], [0]) });
    expect(Number(x!.data[0]) / Number(weight!.data[0])).toBeCloseTo(1 + slope, 5);
  });

  test.each(['Mish', 'Softplus', 'com.microsoft.Gelu', 'com.microsoft.FastGelu', 'Elu', 'Relu'])(
    '%s stays finite far from zero',
    async (op) => {
      const model = graphOf(`f (float[4] x) => (float[4] y) { y = ${op}(x) }`);
      const { x } = await gradientsOf(model, { x: floats([4], [-1000, -100, 100, 1000]) });
      expect([...(x!.data as Float32Array)].every(Number.isFinite)).toBe(true);
    },
  );

  test.each(['com.microsoft.FastGelu', 'com.microsoft.BiasGelu'])('%s sums the gradient of its bias', async (op) => {
    const model = graphOf(`f (float[2,5] x, float[5] b) => (float[2,5] y) { y = ${op}(x, b) }`);
    await checkGradient(model, { x: floats([2, 5], POINTS), b: floats([5], [0.5, -0.3, 0.3, 1, -1]) });
  });

  test.each([
    ['one for all', '[1]', [1]],
    ['one per channel', '[3,1]', [3, 1]],
    ['one per element', '[2,3,2]', [2, 3, 2]],
  ])('PRelu with %s', async (_, type, dims) => {
    const model = graphOf(`f (float[2,3,2] x, float${type} s) => (float[2,3,2] y) { y = PRelu(x, s) }`);
    await checkGradient(model, { x: randomFloats([2, 3, 2]), s: randomFloats(dims, 2) }, { step: 1e-3 });
  });
});

describe('softmax', () => {
  test.each([
    ['Softmax', ''],
    ['Softmax', '<axis=0>'],
    ['Softmax', '<axis=1>'],
    ['Softmax', '<axis=-2>'],
    ['LogSoftmax', ''],
    ['LogSoftmax', '<axis=0>'],
    ['LogSoftmax', '<axis=1>'],
  ])('%s%s', async (op, axis) => {
    const model = graphOf(`f (float[2,3,4] x) => (float[2,3,4] y) { y = ${op}${axis}(x) }`);
    await checkGradient(model, { x: randomFloats([2, 3, 4]) });
  });

  test('Hardmax stops the gradient', async () => {
    const model = graphOf('f (float[2,3] x) => (float[2,3] y) { h = Hardmax(x) y = Mul(h, x) }');
    await checkGradient(model, { x: randomFloats([2, 3]) });
  });
});
