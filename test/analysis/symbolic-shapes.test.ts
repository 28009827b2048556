import { describe, expect, it } from 'vitest';
import { inferSymbolicShapes } from '../../src/analysis/symbolic-shapes.js';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import { parseModel } from '../../src/onnx/text.js';

describe('inferValueTypes', () => {
  it('gives types and symbolic shapes of all values, whatever is on record', async () => {
    const model = parseModel(
      `<ir_version: 8, opset_import: ["": 17]> g (float[batch, 3] x) => (float[wrong, 2] y)
       <float[3, 2] w = {0, 1, 2, 3, 4, 5}> {
        m = MatMul (x, w)
        y = Softmax (m)
      }`,
    );
    const facts = await inferValueTypes(model);
    expect(facts.get('m')).toEqual({ type: 'float32', dims: ['batch', 2] });
    expect(facts.get('y')).toEqual({ type: 'float32', dims: ['batch', 2] });
  });

  it('falls back on the record where an operator is unknown', async () => {
    const model = parseModel(
      `<ir_version: 8, opset_import: ["": 17, "custom": 1]> g (float[batch, 3] x) => (float[batch, 7] y) {
        y = custom.Op (x)
      }`,
    );
    expect((await inferValueTypes(model)).get('y')).toEqual({ type: 'float32', dims: ['batch', 7] });
  });
});

describe('inferSymbolicShapes', () => {
  it('follows shapes through the values computed from them', async () => {
    const model = parseModel(
      `<ir_version: 8, opset_import: ["": 17]>
       g (int64[batch, seq] ids, float[batch, seq, 2] x) => (float y, float z, int64 r)
       <int64 zero = {0}, int64 one = {1}, int64[1] ax = {0}, int64[1] first = {1}, int64[1] rest = {-1}, int64[1] two = {2},
        int64[1, 4] positions = {0, 1, 2, 3}, float[4, 2] table = {0, 1, 2, 3, 4, 5, 6, 7}> {
        s = Shape (ids)
        l = Gather (s, one)
        r = Range (zero, l, one)
        lu = Unsqueeze (l, ax)
        p = Slice (positions, ax, lu, first)
        e = Gather (table, p)
        y = Add (x, e)
        b = Shape <start = 0, end = 1> (x)
        t = Concat <axis = 0> (b, rest, two)
        z = Reshape (y, t)
      }`,
    );
    const shapes = await inferSymbolicShapes(model);
    const dims = (name: string) => shapes.facts.get(name)?.dims;
    expect(dims('r')).toEqual(['seq']);
    expect(dims('p')).toEqual([1, 'min(4,seq)']);
    expect(dims('y')).toEqual(['batch', 'seq', 2]);
    expect(dims('z')).toEqual(['batch', 'seq', 2]);
    expect(shapes.numbers.get('t')!.items.map(String)).toEqual(['batch', '-1', '2']);
    expect(shapes.isComplete).toBe(true);
  });

  it('follows the batch through a product of matrices as tf2onnx writes Einsum', async () => {
    const model = parseModel(
      `<ir_version: 8, opset_import: ["": 18]> g (float[batch, 8, 4] q, float[batch, 4, 8] k) => (float[a, b, c] y)
       <int64[1] first = {0}, int64[2] rest = {-1, 8}, int64[1] eight = {8}> {
        sq = Shape (q) sk = Shape (k) bq = Gather (sq, first) bk = Gather (sk, first)
        m = MatMul (q, k) flat = Reshape (m, rest)
        both = Max (bq, bk) back = Concat <axis = 0> (both, eight, eight) y = Reshape (flat, back)
      }`,
    );
    expect((await inferSymbolicShapes(model)).facts.get('y')?.dims).toEqual(['batch', 8, 8]);
  });

  it.each([
    ['samples', ['batch', undefined, 9, 2]],
    [72, ['batch', 8, 9, 2]],
  ])(
    'counts the frames and bins of a Fourier transform of %s samples as far as they are known',
    async (length, dims) => {
      const model = parseModel(
        `<ir_version: 8, opset_import: ["": 17]> g (float[batch, ${length}, 1] x) => (float y)
       <int64 step = {8}, int64 points = {16}, float[16] window = {${Array(16).fill(1)}}> {
        s = STFT (x, step, window, points)
        y = Relu (s)
      }`,
      );
      expect((await inferSymbolicShapes(model)).facts.get('y')?.dims).toEqual(dims);
    },
  );

  it('knows the sizes that a Resize is given', async () => {
    const model = parseModel(
      `<ir_version: 8, opset_import: ["": 17]> g (float[batch, 3, 4, 4] x) => (float y) <int64[2] size = {8, 8}> {
        s = Shape <end = 2> (x)
        t = Concat <axis = 0> (s, size)
        y = Resize <mode = "nearest"> (x, , , t)
      }`,
    );
    expect((await inferSymbolicShapes(model)).facts.get('y')?.dims).toEqual(['batch', 3, 8, 8]);
  });

  it('knows how long repeated axes are', async () => {
    const model = parseModel(
      `<ir_version: 8, opset_import: ["": 17]> g (float[batch, 3] x) => (float y) <int64[2] twice = {1, 2}> {
        y = Tile (x, twice)
      }`,
    );
    expect((await inferSymbolicShapes(model)).facts.get('y')?.dims).toEqual(['batch', 6]);
  });
});
