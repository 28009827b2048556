import { describe, expect, test } from 'vitest';
import { checkGradient, floats, gradientsOf, graphOf, int64s, randomFloats } from './check-gradient.js';

const OPERATORS = ['Sum', 'Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'SumSquare', 'LogSum', 'LogSumExp'];

/** Positive and well apart, so that logarithms exist and the largest element stays the largest. */
const x = floats([2, 3, 2], [0.5, 1.2, 0.8, 2, 1.7, 0.9, 1.4, 0.6, 2.3, 1.1, 0.7, 1.9]);

describe.each(OPERATORS.map((name) => `Reduce${name}`))('%s', (op) => {
  test.each([
    ['over one axis', 'float[2,1,2]', '', [1]],
    ['over two axes, which go', 'float[3]', '<keepdims=0>', [0, -1]],
    ['over everything', 'float[1,1,1]', '', undefined],
    ['over everything, to a scalar', 'float', '<keepdims=0>', undefined],
    ['over everything, as no axes are given', 'float', '<keepdims=0>', []],
  ])('%s', async (_, type, attributes, axes) => {
    const constant = axes ? `<int64[${axes.length}] axes = {${axes}}>` : '';
    const model = graphOf(
      `f (float[2,3,2] x) => (${type} y) ${constant} { y = ${op}${attributes}(x${axes ? ', axes' : ''}) }`,
    );
    await checkGradient(model, { x }, { step: 2e-3 });
  });

  test.each([0, 1])('over axes that are computed at run time, keepdims %d', async (keepdims) => {
    const model = graphOf(`f (float[n,m,2] x, int64[k] axes) => (float y) {
      r = ${op}<keepdims=${keepdims}>(x, axes) y = ReduceSum<keepdims=0>(r) }`);
    await checkGradient(model, { x, axes: int64s([2], [2, 0]) }, { step: 2e-3 });
    await checkGradient(model, { x, axes: int64s([1], [-2]) }, { step: 2e-3 });
  });

  test('over no axis where none means none', async () => {
    const model = graphOf(`f (float[2,3,2] x, int64[k] axes) => (float[2,3,2] y) {
      y = ${op}<noop_with_empty_axes=1>(x, axes) }`);
    await checkGradient(model, { x, axes: int64s([0], []) }, { step: 2e-3 });
  });
});

describe('elements that need care', () => {
  test.each([
    ['no zero', [2, -1, 3, 0.5]],
    ['one zero', [2, 0, 3, 0.5]],
    ['two zeros', [2, 0, 3, 0]],
  ])('ReduceProd over %s', async (_, values) => {
    const model = graphOf('f (float[4] x) => (float y) { y = ReduceProd<keepdims=0>(x) }');
    await checkGradient(model, { x: floats([4], values) }, { step: 1e-3 });
  });

  test('ReduceL2 of zeros has no slope, nor has ReduceL1', async () => {
    for (const op of ['ReduceL1', 'ReduceL2']) {
      const model = graphOf(`f (float[3] x) => (float y) { y = ${op}<keepdims=0>(x) }`);
      const { x: dx } = await gradientsOf(model, { x: floats([3], [0, 0, 0]) });
      expect([...(dx!.data as Float32Array)].map(Math.abs)).toEqual([0, 0, 0]);
    }
  });

  test('equally large elements share the gradient', async () => {
    const model = graphOf('f (float[4] x) => (float y) { y = ReduceMax<keepdims=0>(x) }');
    const { x: dx } = await gradientsOf(model, { x: floats([4], [1, 5, 5, 2]) });
    const [first, second, third, fourth] = dx!.data as Float32Array;
    expect([first, fourth]).toEqual([0, 0]);
    expect(second).toBe(third);
  });
});

describe('CumSum', () => {
  test.each(['', '<reverse=1>', '<exclusive=1>', '<exclusive=1, reverse=1>'])('CumSum%s', async (attributes) => {
    for (const axis of [1, -3]) {
      const model = graphOf(`f (float[2,3,2] x) => (float[2,3,2] y) <int64 axis = {${axis}}> {
        y = CumSum${attributes}(x, axis) }`);
      await checkGradient(model, { x: randomFloats([2, 3, 2]) });
    }
  });
});
