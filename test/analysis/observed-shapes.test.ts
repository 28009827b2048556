import { expect, test } from 'vitest';
import { observeShapes } from '../../src/analysis/observed-shapes.js';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import { floats, graphOf, int64s } from '../ops/gradients/check-gradient.js';

test('observeShapes tells the shapes that inference leaves open', async () => {
  const model = graphOf(`f (float[n,4] x, int64[r] shape) => (float y) <int64[1] axis = {0}>
    { a = Reshape(x, shape) b = Relu(a) y = ReduceMax<keepdims = 0>(b, axis) s = SequenceConstruct(a, b) }`);
  expect((await inferValueTypes(model)).get('b')!.dims).toBeUndefined();
  const facts = await observeShapes(model, { x: floats([2, 4], Array(8).fill(1)), shape: int64s([3], [2, 2, 2]) }, {});
  expect(Object.fromEntries([...facts].map(([name, { dims }]) => [name, dims]))).toEqual({
    a: [2, 2, 2],
    b: [2, 2, 2],
    y: [2, 2],
  });
});
