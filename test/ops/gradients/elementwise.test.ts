import { describe, expect, test } from 'vitest';
import { checkGradient, floats, gradientsOf, graphOf, int64s, randomFloats } from './check-gradient.js';

describe('operators of several inputs', () => {
  test.each(['Add', 'Sub', 'Mul', 'Div', 'Sum', 'Mean', 'Max', 'Min'])(
    '%s sums over the axes that were broadcast',
    async (op) => {
      const model = graphOf(`f (float[2,3] a, float[4,1,3] b) => (float[4,2,3] y) { y = ${op}(a, b) }`);
      const b = floats([4, 1, 3], [1, 2, 3, 4, 5, 6, -1, -2, -3, 2, 1, 2]);
      await checkGradient(model, { a: randomFloats([2, 3]), b });
    },
  );

  test.each(['Sum', 'Mean', 'Max', 'Min'])('%s takes any number of inputs', async (op) => {
    const three = graphOf(`f (float[2,3] a, float[3] b, float[2,1] c) => (float[2,3] y) { y = ${op}(a, b, c) }`);
    await checkGradient(three, { a: randomFloats([2, 3]), b: randomFloats([3], 2), c: randomFloats([2, 1], 3) });
    const one = graphOf(`f (float[3] a) => (float[3] y) { y = ${op}(a) }`);
    await checkGradient(one, { a: randomFloats([3]) });
  });

  test('sizes that are symbols are compared at run time', async () => {
    const model = graphOf('f (float[n,3] a, float[m,3] b) => (float[k,3] y) { y = Mul(a, b) }');
    await checkGradient(model, { a: randomFloats([2, 3]), b: randomFloats([1, 3], 2) });
    await checkGradient(model, { a: randomFloats([2, 3]), b: randomFloats([2, 3], 2) });
  });

  test('equally large elements share the gradient of Max', async () => {
    const model = graphOf('f (float[2] a, float[2] b) => (float y) { m = Max(a, b) y = ReduceSum<keepdims=0>(m) }');
    const { a, b } = await gradientsOf(model, { a: floats([2], [1, 2]), b: floats([2], [1, 3]) }, { seed: 1 });
    const weight = Number(b!.data[1]);
    expect([...(a!.data as Float32Array)]).toEqual([weight / 2, 0]);
    expect([...(b!.data as Float32Array)]).toEqual([weight / 2, weight]);
  });

  test('Pow by its base and its exponent', async () => {
    const model = graphOf('f (float[2,3] a, float[3] b) => (float[2,3] y) { y = Pow(a, b) }');
    const a = floats([2, 3], [0.5, 1, 2, 3, 0.2, 1.5]);
    await checkGradient(model, { a, b: floats([3], [2, -1.5, 0]) });
  });

  test.each([0, 1, 2, 3, 0.5, -0.5, -1, 2.5])('Pow to the constant exponent %d', async (exponent) => {
    const model = graphOf(`f (float[3] x) => (float[3] y) <float p = {${exponent.toFixed(2)}}> { y = Pow(x, p) }`);
    await checkGradient(model, { x: floats([3], [0.5, 1.3, 2]) });
  });

  test('Pow with exponents of another type or of a higher rank', async () => {
    const integers = graphOf('f (float[3] x, int64[3] p) => (float[3] y) { y = Pow(x, p) }');
    await checkGradient(integers, { x: floats([3], [-0.5, 1.3, 2]), p: int64s([3], [2, 3, 0]) });
    const raised = graphOf('f (float[3] x) => (float[1,3] y) <float[1,1] p = {2.0}> { y = Pow(x, p) }');
    await checkGradient(raised, { x: floats([3], [-0.5, 1.3, 2]) });
  });

  test('Pow at zero', async () => {
    const model = graphOf('f (float[1] a, float[1] b) => (float[1] y) { y = Pow(a, b) }');
    const { a, b } = await gradientsOf(model, { a: floats([1], [0]), b: floats([1], [2]) });
    expect([Number(a!.data[0]), Number(b!.data[0])]).toEqual([0, 0]);
  });

  test('Mod of floats', async () => {
    const model = graphOf('f (float[4] a, float[4] b) => (float[4] y) { y = Mod<fmod=1>(a, b) }');
    await checkGradient(model, { a: floats([4], [5.3, -5.3, 5.3, 0.2]), b: floats([4], [2, 2, -2, 2]) });
  });

  test('Where sends each element to the side it came from', async () => {
    const model = graphOf(`f (float[2,1] s, float[2,3] a, float[3] b) => (float[2,3] y)
      <float zero = {0.0}> { c = Greater(s, zero) y = Where(c, a, b) }`);
    const feeds = { s: floats([2, 1], [1, -1]), a: randomFloats([2, 3]), b: randomFloats([3], 2) };
    await checkGradient(model, feeds, { by: ['a', 'b'] });
  });
});

describe('functions of one input', () => {
  const wide = [-2.1, -0.7, 0.3, 1.4];
  const points: Record<string, number[]> = {
    Identity: wide,
    Neg: wide,
    Abs: wide,
    Reciprocal: wide,
    Sqrt: [0.4, 1, 2, 3],
    Exp: wide,
    Log: [0.4, 1, 2, 3],
    Erf: wide,
    Sin: wide,
    Cos: wide,
    Tan: [-1, -0.3, 0.2, 1],
    Asin: [-0.8, -0.2, 0, 0.7],
    Acos: [-0.8, -0.2, 0, 0.7],
    Atan: wide,
    Sinh: wide,
    Cosh: wide,
    Asinh: wide,
    Acosh: [1.3, 2, 3, 4],
    Atanh: [-0.8, -0.2, 0, 0.7],
    Dropout: wide,
  };
  test.each(Object.entries(points))('%s', async (op, x) => {
    const model = graphOf(`f (float[2,2] x) => (float[2,2] y) { y = ${op}(x) }`);
    await checkGradient(model, { x: floats([2, 2], x) }, { step: 2e-3 });
  });

  test.each(['Floor', 'Ceil', 'Round', 'Sign'])('%s stops the gradient', async (op) => {
    const model = graphOf(`f (float[2] x) => (float[2] y) { s = ${op}(x) y = Add(s, x) }`);
    await checkGradient(model, { x: floats([2], [0.3, -1.7]) });
  });
});

describe('Clip', () => {
  const x = floats([5], [-3, -0.4, 0.3, 0.9, 3]);
  test.each([
    ['both bounds', 'Clip(x, low, high)'],
    ['a lower bound', 'Clip(x, low)'],
    ['an upper bound', 'Clip(x, , high)'],
    ['no bound', 'Clip(x)'],
    ['bounds that cross', 'Clip(x, high, low)'],
  ])('with %s', async (_, call) => {
    const model = graphOf(`f (float[5] x, float low, float high) => (float[5] y) { c = ${call} l = Mul(x, low)
      s = Add(c, l) y = Mul(s, high) }`);
    await checkGradient(model, { x, low: floats([], [-1]), high: floats([], [1.5]) });
  });

  test('passes the gradient at a bound', async () => {
    const model = graphOf(
      'f (float[2] x) => (float[2] y) <float low = {0.0}, float high = {6.0}> { y = Clip(x, low, high) }',
    );
    const { x: dx } = await gradientsOf(model, { x: floats([2], [0, 6]) });
    expect([...(dx!.data as Float32Array)].every(Boolean)).toBe(true);
  });
});

describe('Cast', () => {
  test('to another float type and back', async () => {
    const model = graphOf('f (float[3] x) => (float[3] y) { d = Cast<to=11>(x) y = CastLike(d, x) }');
    await checkGradient(model, { x: randomFloats([3]) });
  });

  test('to an integer stops the gradient', async () => {
    const model = graphOf('f (float[3] x) => (float[3] y) { i = Cast<to=7>(x) f = Cast<to=1>(i) y = Mul(f, x) }');
    await checkGradient(model, { x: floats([3], [1.5, 2.3, -1.4]) });
  });
});

test('Dropout in training mode scales what it keeps', async () => {
  const model = graphOf(`f (float[64] x) => (float[64] y)
    <float ratio = {0.25}, bool training = {1}> { d = Dropout<seed=3>(x, ratio, training) y = Mul(d, d) }`);
  const { x } = await gradientsOf(model, { x: floats([64], Array(64).fill(1)) });
  const dropped = [...(x!.data as Float32Array)].filter((value) => value === 0).length;
  expect(dropped).toBeGreaterThan(4);
  expect(dropped).toBeLessThan(32);
});

test('a value that is used twice gets both gradients', async () => {
  const model = graphOf('f (float[2] x) => (float[2] y) { e = Exp(x) y = Mul(e, x) }');
  await checkGradient(model, { x: floats([2], [0.5, -1]) });
  expect(Object.keys(await gradientsOf(model, { x: floats([2], [0.5, -1]) }))).toEqual(['x']);
});
