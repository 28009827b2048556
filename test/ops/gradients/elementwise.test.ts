import { describe, expect, test } from 'vitest';
import { checkGradient, floats, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

describe('operators of two inputs', () => {
  test.each(['Add', 'Sub', 'Mul', 'Div'])('%s sums over the axes that were broadcast', async (op) => {
    const model = graphOf(`f (float[2,3] a, float[4,1,3] b) => (float[4,2,3] y) { y = ${op}(a, b) }`);
    const b = floats([4, 1, 3], [1, 2, 3, 4, 5, 6, -1, -2, -3, 2, 1, 2]);
    await checkGradient(model, { a: randomFloats([2, 3]), b });
  });

  test('sizes that are symbols are compared at run time', async () => {
    const model = graphOf('f (float[n,3] a, float[m,3] b) => (float[k,3] y) { y = Mul(a, b) }');
    await checkGradient(model, { a: randomFloats([2, 3]), b: randomFloats([1, 3], 2) });
    await checkGradient(model, { a: randomFloats([2, 3]), b: randomFloats([2, 3], 2) });
  });
});

test('a value that is used twice gets both gradients', async () => {
  const model = graphOf('f (float[2] x) => (float[2] y) { e = Exp(x) y = Mul(e, x) }');
  await checkGradient(model, { x: floats([2], [0.5, -1]) });
  expect(Object.keys(await gradientsOf(model, { x: floats([2], [0.5, -1]) }))).toEqual(['x']);
});
