import { describe, expect, it } from 'vitest';
import { inferTypesWithBodies } from '../../src/analysis/body-types.js';
import { parseModel } from '../../src/onnx/text.js';

const modelOf = (body: string) =>
  parseModel(`<ir_version: 8, opset_import: ["" : 18]> net (float[N, 2, 4, 4] x, bool c) => (float[A, B, C, D] y)
    <int64[2] size = {8, 8}> { ${body} }`);

describe('inferTypesWithBodies', () => {
  it('follows sizes that are computed', async () => {
    const facts = await inferTypesWithBodies(
      modelOf(`rows = Shape <start = 0, end = 2> (x) sizes = Concat <axis = 0> (rows, size)
        g = Resize <mode = "linear"> (x, , , sizes) y = Relu (g)`),
    );
    expect(facts.get('g')).toEqual({ type: 'float32', dims: ['N', 2, 8, 8] });
  });

  it('tells of values in branches, and of their type alone where two of a name differ', async () => {
    const facts = await inferTypesWithBodies(
      modelOf(`y = If <
        then_branch = whole () => (float[N, 2, 4, 4] a) { one = Relu (x) same = Neg (one) a = Abs (same) },
        else_branch = cut () => (float[M, 2, 2, 4] b) { one = Relu (x) same, rest = Split <axis = 2, num_outputs = 2> (one) b = Abs (same) }
      > (c)`),
    );
    expect(facts.get('one')).toEqual({ type: 'float32', dims: ['N', 2, 4, 4] });
    expect(facts.get('same')).toEqual({ type: 'float32' });
    expect(facts.get('b')).toEqual({ type: 'float32', dims: ['N', 2, 2, 4] });
  });

  it('tells of values in loops, whose whole numbers are not those of the first step', async () => {
    const facts = await inferTypesWithBodies(
      parseModel(`<ir_version: 8, opset_import: ["" : 18]> net (float[N, 4] x, float[T, N, 4] e) => (float[A, B] y, float[C, D, E] z)
        <int64 steps = {3}, bool yes = {1}, int64[1] front = {0}, int64[1] size = {1}> {
        count, y, z = Loop <body = step (int64 i, bool go, int64[1] at, float[a, b] h)
          => (bool next, int64[1] after, float[a, b] o, float[a, b] q) {
            part = Slice (e, front, at) q = Mul (h, h)
            o = Tanh (q) after = Add (at, size) next = Identity (go)
          }> (steps, yes, size, x)
        }`),
    );
    expect(facts.get('q')).toEqual({ type: 'float32', dims: ['N', 4] });
    expect(facts.get('part')?.dims?.[0]).not.toBe(1);
    expect(facts.get('y')).toEqual({ type: 'float32', dims: ['N', 4] });
    expect(facts.get('z')?.dims).toEqual([undefined, 'N', 4]);
  });
});
