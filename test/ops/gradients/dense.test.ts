import { describe, expect, test } from 'vitest';
import { checkGradient, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

/** Checks a product with the sizes given and with all of them unknown. */
async function check(op: string, shapes: readonly (readonly number[])[], rank: number, attributes = '') {
  const names = ['a', 'b', 'c'].slice(0, shapes.length);
  const feeds = Object.fromEntries(shapes.map((dims, k) => [names[k]!, randomFloats(dims, k + 1)]));
  const output = `float${rank ? `[${Array.from({ length: rank }, (_, k) => `y${k}`)}]` : ''} y`;
  const call = `${op}${attributes && `<${attributes}>`}(${names})`;
  for (const dimOf of [(size: number) => `${size}`, (_: number, name: string, axis: number) => `${name}${axis}`]) {
    const inputs = names.map((name, k) => {
      const dims = shapes[k]!.map((size, axis) => dimOf(size, name, axis));
      return `float${dims.length ? `[${dims}]` : ''} ${name}`;
    });
    await checkGradient(graphOf(`f (${inputs}) => (${output}) { y = ${call} }`), feeds);
  }
}

const OPERANDS: [string, number[], number[], number][] = [
  ['two matrices', [3, 4], [4, 5], 2],
  ['a weight applied to a batch', [2, 3, 4], [4, 5], 3],
  ['a weight applied to a batch of batches', [2, 2, 3, 4], [4, 2], 4],
  ['a weight before a batch, many columns', [2, 3], [2, 3, 7], 3],
  ['a weight before a batch, few columns', [4, 4], [2, 2, 4, 1], 4],
  ['batches', [2, 3, 4], [2, 4, 2], 3],
  ['heads', [2, 3, 2, 4], [2, 3, 4, 2], 4],
  ['a batch of one on the left', [1, 2, 3], [4, 3, 2], 3],
  ['a batch of one on the right', [4, 2, 3], [1, 3, 2], 3],
  ['batches that broadcast both ways', [2, 1, 2, 3], [3, 3, 2], 4],
  ['batches that broadcast both ways, same rank', [2, 1, 2, 3], [1, 3, 3, 2], 4],
  ['a matrix and a batch of one of higher rank', [2, 3], [1, 1, 3, 2], 4],
  ['two vectors', [4], [4], 0],
  ['a vector and a matrix', [4], [4, 3], 1],
  ['a matrix and a vector', [3, 4], [4], 1],
  ['a vector and a batch', [4], [2, 3, 4, 2], 3],
  ['a batch and a vector', [2, 3, 2, 4], [4], 3],
];

describe('MatMul', () => {
  test.each(OPERANDS)('%s', (_, a, b, rank) => check('MatMul', [a, b], rank));

  test('only what is asked for is computed', async () => {
    const model = graphOf('f (float[2,3,4] a, float[4,5] b) => (float[2,3,5] y) { y = MatMul(a, b) }');
    const feeds = { a: randomFloats([2, 3, 4]), b: randomFloats([4, 5], 2) };
    expect(Object.keys(await gradientsOf(model, feeds, { by: ['b'] }))).toEqual(['b']);
  });
});

describe('FusedMatMul', () => {
  test.each([
    ['transA = 1', [2, 4, 3], [2, 4, 5]],
    ['transB = 1', [2, 3, 4], [2, 5, 4]],
    ['transA = 1, transB = 1, alpha = 0.5', [2, 4, 3], [2, 5, 4]],
    ['transB = 1, alpha = 0.25', [2, 3, 4], [5, 4]],
    ['transA = 1', [2, 4, 3], [4, 5]],
    ['transA = 1, alpha = 2.0', [4, 3], [2, 4, 5]],
    ['alpha = 2.0', [3, 4], [2, 4, 1]],
  ])('%s', (attributes, a, b) => check('com.microsoft.FusedMatMul', [a, b], 3, attributes));
});

describe('Gemm', () => {
  test.each([
    ['', [3, 4], [4, 5]],
    ['transA = 1', [4, 3], [4, 5]],
    ['transB = 1, alpha = 0.5', [3, 4], [5, 4]],
    ['transA = 1, transB = 1, beta = 0.25, alpha = 2.0', [4, 3], [5, 4]],
  ])('%s', async (attributes, a, b) => {
    await check('Gemm', [a, b], 2, attributes);
    for (const c of [[3, 5], [5], [1, 5], [3, 1], [1], []]) await check('Gemm', [a, b, c], 2, attributes);
  });
});
