import { describe, expect, it } from 'vitest';
import { executionOrder } from '../../src/runtime/execution-order.js';
import { graphOf } from '../ops/gradients/check-gradient.js';

const orderOf = (text: string) => executionOrder(graphOf(text).graph).map(({ outputs }) => outputs[0]);

describe('executionOrder', () => {
  it('goes back from the last node that nothing follows', () => {
    const text = `f (float[n] x) => (float[n] p, float[n] q)
      { a = Relu(x) b = Neg(x) p = Abs(a) q = Abs(b) }`;
    expect(orderOf(text)).toEqual(['b', 'q', 'a', 'p']);
  });

  it('computes the last of the inputs first, and each node once', () => {
    const text = `f (float[n] x) => (float[n] y)
      { a = Relu(x) b = Neg(a) c = Abs(a) d = Add(b, c) y = Add(d, a) }`;
    expect(orderOf(text)).toEqual(['a', 'c', 'b', 'd', 'y']);
  });
});
