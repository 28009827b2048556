import { describe, expect, test } from 'vitest';
import type { TensorValue } from '../../../src/ir/types.js';
import { checkGradient, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

const bool = (value: boolean): TensorValue => ({ type: 'bool', dims: [], data: Uint8Array.of(Number(value)) });

describe('If', () => {
  const model = graphOf(`f (float[n,3] x, float[3] w, float[3] v, bool c) => (float[n,3] z, float[n,3] k) {
    h = Mul(x, w)
    y, k = If (c) <
      then_branch = g () => (float[n,3] a, float[n,3] b) { e = Exp(h) a = Mul(e, v) b = Add(a, w) },
      else_branch = g () => (float[n,3] a2, float[n,3] b2) { e = Mul(h, h) a2 = Sub(e, x) b2 = Identity(h) }
    >
    z = Mul(y, h)
  }`);

  test.each([true, false])('branches that capture values: condition %s', async (condition) => {
    const feeds = { x: randomFloats([2, 3]), w: randomFloats([3], 2), v: randomFloats([3], 3), c: bool(condition) };
    await checkGradient(model, feeds);
  });

  test('a captured value may be an output of a branch, or go unused', async () => {
    const passing = graphOf(`f (float[2] x, float[2] w, bool c) => (float[2] y) {
      y = If (c) <
        then_branch = g () => (float[2] a) { a = Mul(x, w) },
        else_branch = g () => (float[2] b) { b = Identity(x) }
      >
    }`);
    for (const condition of [true, false])
      await checkGradient(passing, { x: randomFloats([2]), w: randomFloats([2], 2), c: bool(condition) });
  });

  test('an If inside', async () => {
    const nested = graphOf(`f (float[2,3] x, float[3] w, bool c, bool d) => (float[2,3] y) {
      y = If (c) <
        then_branch = g () => (float[2,3] a) {
          p = Mul(x, w)
          a = If (d) <
            then_branch = h () => (float[2,3] q) { q = Exp(p) },
            else_branch = h () => (float[2,3] r) { r = Mul(p, w) }
          >
        },
        else_branch = g () => (float[2,3] b) { b = Add(x, w) }
      >
    }`);
    for (const [c, d] of [
      [true, true],
      [true, false],
      [false, true],
    ])
      await checkGradient(nested, { x: randomFloats([2, 3]), w: randomFloats([3], 2), c: bool(c!), d: bool(d!) });
  });

  test('what stands in the way inside a branch is named', async () => {
    const stuck = graphOf(`f (float[2,2] x, bool c) => (float y) {
      y = If (c) <
        then_branch = g () => (float a) { a = ReduceSum<keepdims = 0>(x) },
        else_branch = g () => (float b) { b = Det(x) }
      >
    }`);
    const feeds = { x: randomFloats([2, 2]), c: bool(true) };
    await expect(gradientsOf(stuck, feeds)).rejects.toThrow('b (Det): Det has no gradient');
  });
});

test('a Scan whose body captures a parameter is refused', async () => {
  const scan = graphOf(`f (float[2] s, float[3,2] x, float[2] w) => (float[2] y, float[3,2] z) {
    y, z = Scan<num_scan_inputs = 1, body = b (float[2] i, float[2] e) => (float[2] o, float[2] q) {
      o = Mul(i, w) q = Add(e, o)
    }>(s, x)
  }`);
  const feeds = { s: randomFloats([2]), x: randomFloats([3, 2]), w: randomFloats([2]) };
  await expect(gradientsOf(scan, feeds, { by: ['w'] })).rejects.toThrow('(Scan): gradients do not pass through');
});
