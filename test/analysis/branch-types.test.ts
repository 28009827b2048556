import { describe, expect, it } from 'vitest';
import { inferTypesWithBranches } from '../../src/analysis/branch-types.js';
import { parseModel } from '../../src/onnx/text.js';

const modelOf = (body: string) =>
  parseModel(`<ir_version: 8, opset_import: ["" : 18]> net (float[N, 2, 4, 4] x, bool c) => (float[A, B, C, D] y)
    <int64[2] size = {8, 8}> { ${body} }`);

describe('inferTypesWithBranches', () => {
  it('follows sizes that are computed', async () => {
    const facts = await inferTypesWithBranches(
      modelOf(`rows = Shape <start = 0, end = 2> (x) sizes = Concat <axis = 0> (rows, size)
        g = Resize <mode = "linear"> (x, , , sizes) y = Relu (g)`),
    );
    expect(facts.get('g')).toEqual({ type: 'float32', dims: ['N', 2, 8, 8] });
  });

  it('tells of values in branches, and of their type alone where two of a name differ', async () => {
    const facts = await inferTypesWithBranches(
      modelOf(`y = If <
        then_branch = whole () => (float[N, 2, 4, 4] a) { one = Relu (x) same = Neg (one) a = Abs (same) },
        else_branch = cut () => (float[M, 2, 2, 4] b) { one = Relu (x) same, rest = Split <axis = 2, num_outputs = 2> (one) b = Abs (same) }
      > (c)`),
    );
    expect(facts.get('one')).toEqual({ type: 'float32', dims: ['N', 2, 4, 4] });
    expect(facts.get('same')).toEqual({ type: 'float32' });
    expect(facts.get('b')).toEqual({ type: 'float32', dims: ['N', 2, 2, 4] });
  });
});
