import { describe, expect, it } from 'vitest';
import { peakActivationBytes } from '../../src/training/memory.js';
import { floats, graphOf } from '../ops/gradients/check-gradient.js';

const x = floats([8, 10], Array(80).fill(0)); // 320 bytes
const peakOf = (text: string, inputs = { x }) => peakActivationBytes(graphOf(text), inputs);

describe('peakActivationBytes', () => {
  it('frees each value after its last use', async () => {
    const chain = 'f (float[n,10] x) => (float[n,10] y) { a = Relu(x) b = Relu(a) c = Relu(b) y = Relu(c) }';
    expect(await peakOf(chain)).toBe(2 * 320);
  });

  it('leaves the outputs out, which the caller holds', async () => {
    const text = `f (float[n,10] x) => (float[n,10] a, float[n,10] y)
      { a = Relu(x) b = Relu(a) c = Relu(b) y = Relu(c) }`;
    expect(await peakOf(text)).toBe(2 * 320);
  });

  it('holds what a later node needs, as backward passes do', async () => {
    const text = `f (float[n,10] x) => (float[n,10] y)
      { a = Relu(x) b = Relu(a) c = Relu(b) d = Mul(c, b) y = Mul(d, a) }`;
    expect(await peakOf(text)).toBe(4 * 320); // a, b, c and d
  });

  it('takes sizes from the batch, and element types into account', async () => {
    const text = 'f (float[n,10] x) => (int64[n] y) { a = Cast<to = 11>(x) y = ArgMax<axis = 1, keepdims = 0>(a) }';
    expect(await peakOf(text)).toBe(8 * 80);
    expect(await peakOf(text, { x: floats([1, 10], Array(10).fill(0)) })).toBe(8 * 10);
  });

  it('keeps sizes that the graph fixes, as a worker does that takes a part of the batch', async () => {
    const text = `f (float[2,n] x, float[2,n] t) => (float[2,n] y) { a = Relu(x) b = Mul(a, t) y = Relu(b) }`;
    expect(await peakOf(text)).toBe(2 * 4 * 2 * 10);
  });

  it('counts what a branch takes from outside as used', async () => {
    const text = `f (bool c, float[n,10] x) => (float[n,10] y) {
      a = Relu(x)
      b = Relu(x)
      y = If(c) <then_branch = t () => (float[n,10] p) { p = Neg(a) }, else_branch = e () => (float[n,10] q) { q = Neg(b) }>
    }`;
    expect(await peakOf(text)).toBe(2 * 320);
  });
});
