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

describe('Scan', () => {
  const cell = `b (float[2] i, float[2] e) => (float[2] o, float[2] q) { h = Mul(i, w) o = Add(h, e) q = Tanh(o) }`;
  const feeds = { s: randomFloats([2]), x: randomFloats([3, 2], 2), w: randomFloats([2], 3) };

  test.each([0, 1])('states, elements and captured values, direction %d', async (direction) => {
    const model = graphOf(`f (float[2] s, float[3,2] x, float[2] w) => (float[2] y, float[3,2] z) {
      y, z = Scan<num_scan_inputs = 1, body = ${cell}, scan_input_directions = [${direction}],
        scan_output_directions = [${direction}]>(s, x)
    }`);
    await checkGradient(model, feeds);
  });

  test('one that goes in both directions is refused', async () => {
    const model = graphOf(`f (float[2] s, float[3,2] x, float[2] w) => (float[2] y, float[3,2] z) {
      y, z = Scan<num_scan_inputs = 1, body = ${cell}, scan_output_directions = [1]>(s, x)
    }`);
    await expect(gradientsOf(model, feeds)).rejects.toThrow('(Scan): it goes in both directions at once');
  });
});

describe('Loop', () => {
  const int64 = (...data: number[]): TensorValue => ({
    type: 'int64',
    dims: [],
    data: BigInt64Array.from(data, BigInt),
  });

  /** As tf2onnx writes a recurrent layer: weights are handed on from step to step, the input is captured. */
  const layer =
    graphOf(`f (int64 n, float[3,b,2] x, float[b,2] s, float[2,2] w, float[2] v) => (float[b,2] y, float[k,b,2] z)
    <int64 zero = {0}, int64 one = {1}, bool yes = {1}> {
    t, y, same, z = Loop<body = step (int64 i, bool go, int64 at, float[2,2] h, float[2,2] wi)
      => (bool next, int64 after, float[2,2] o, float[2,2] wo, float[2,2] q) {
      e = Gather<axis = 0>(x, at) p = MatMul(h, wi) u = Add(p, e) r = Tanh(u) o = Mul(r, v)
      wo = Identity(wi) q = Add(o, p) after = Add(at, one) next = Identity(go)
    }>(n, yes, zero, s, w)
  }`);
  const feeds = {
    x: randomFloats([3, 2, 2]),
    s: randomFloats([2, 2], 2),
    w: randomFloats([2, 2], 3),
    v: randomFloats([2], 4),
  };

  test.each([1, 3])('states, captured values and slices of them: %d steps', async (steps) => {
    await checkGradient(layer, { n: int64(steps), ...feeds }, { by: Object.keys(feeds) });
  });

  test('one that stops when its values say so', async () => {
    const model = graphOf(`f (float[2] s, float[2] w) => (float[2] y) <float most = {3}, bool yes = {1}> {
      y = Loop<body = step (int64 i, bool go, float[2] h) => (bool next, float[2] o) {
        o = Mul(h, w) sum = ReduceSum<keepdims = 0>(o) next = Less(sum, most)
      }>(, yes, s)
    }`);
    const s = { type: 'float32', dims: [2], data: Float32Array.of(0.5, 0.7) } as const;
    const w = { type: 'float32', dims: [2], data: Float32Array.of(1.5, 2) } as const;
    await checkGradient(model, { s, w });
  });

  test('a Loop inside', async () => {
    const model =
      graphOf(`f (float[2] s, float[2] w) => (float[2] y) <int64 two = {2}, int64 three = {3}, bool yes = {1}> {
      y = Loop<body = outer (int64 i, bool go, float[2] h) => (bool next, float[2] o) {
        a = Mul(h, w)
        o = Loop<body = inner (int64 j, bool on, float[2] k) => (bool more, float[2] l) {
          m = Mul(k, w) l = Sin(m) more = Identity(on)
        }>(two, yes, a)
        next = Identity(go)
      }>(three, yes, s)
    }`);
    await checkGradient(model, { s: randomFloats([2]), w: randomFloats([2], 2) });
  });

  test('one whose state changes its shape is refused', async () => {
    const model = graphOf(`f (float[1] s, float[1] w) => (float[k] y) <int64 two = {2}, bool yes = {1}> {
      y = Loop<body = step (int64 i, bool go, float[k] h) => (bool next, float[m] o) {
        o = Concat<axis = 0>(h, w) next = Identity(go)
      }>(two, yes, s)
    }`);
    const feeds = { s: randomFloats([1]), w: randomFloats([1], 2) };
    await expect(gradientsOf(model, feeds)).rejects.toThrow('its state h changes its shape');
  });
});
