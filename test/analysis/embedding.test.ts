import { expect, test } from 'vitest';
import { embeddingOf } from '../../src/analysis/embedding.js';
import { graphOf } from '../ops/gradients/check-gradient.js';
import { constants } from './constants.js';

test.each([
  ['a dense layer', 'h = Relu(x) y = Gemm(h, w, b)', 'h'],
  ['a product and a sum, and softmax', 'h = Relu(x) m = MatMul(h, w) s = Add(b, m) y = Softmax(s)', 'h'],
  ['weights on the left', 'h = Relu(x) t = Transpose(h) v = Transpose(w) m = MatMul(v, t) y = Transpose(m)', 't'],
  ['no layer of weights', 'h = Relu(x) y = Softmax(h)', undefined],
])('embeddingOf gives what the last layer takes: %s', (_, nodes, expected) => {
  const model = graphOf(`f (float[n,4] x) => (float[n,3] y) ${constants({ w: [4, 3], b: [3] })} { ${nodes} }`);
  expect(embeddingOf(model, 'y')).toBe(expected);
});

test('embeddingOf looks through the average of a convolution that gives the scores', () => {
  const model = graphOf(`f (float[n,2,4,4] x) => (float[n,3] y) ${constants({ w: [3, 2, 1, 1] })}
    { h = Relu(x) c = Conv(h, w) g = GlobalAveragePool(c) y = Flatten(g) }`);
  expect(embeddingOf(model, 'y')).toBe('h');
});
