import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/ir/model.js';
import { Tensor } from '../../../src/ir/tensor.js';
import { parseModel } from '../../../src/onnx/text.js';
import { type SparsityOptions, sparsify } from '../../../src/passes/prune/sparsify.js';

const parse = (text: string, opset = 17) => parseModel(`<ir_version: 8, opset_import: ["": ${opset}]> ${text}`);

const options = (given: Partial<SparsityOptions>): SparsityOptions => ({
  sparsity: 0,
  importance: 'magnitude',
  scope: 'global',
  maxPerLayer: 1,
  keeps: () => undefined,
  ...given,
});

const numbers = (model: Model, name: string) => [...model.graph.initializers.get(name)!.toNumbers()];

/** Two dense layers with biases: weights 1…4 and 5…8 (some negative). */
const TWO = `f (float[n,2] x) => (float[n,2] y)
  <float[2,2] v = {1,-2,3,-4}, float[2] b = {0.1,0.1}, float[2,2] w = {-5,6,-7,8}, float[2] c = {0.1,0.1}>
  { [first] h = Gemm(x, v, b) r = Relu(h) [second] y = Gemm(r, w, c) }`;

describe('sparsify', () => {
  it('sets the smallest of all weights to zero, whatever their sign, and spares biases', async () => {
    const model = parse(TWO);
    const { layers, left } = await sparsify(model, options({ sparsity: 0.625 }));
    expect(numbers(model, 'v')).toEqual([0, 0, 0, 0]);
    expect(numbers(model, 'w')).toEqual([0, 6, -7, 8]);
    expect(numbers(model, 'b')).toEqual([Math.fround(0.1), Math.fround(0.1)]);
    expect(layers).toEqual([
      { name: 'first', before: 4, after: 0 },
      { name: 'second', before: 4, after: 3 },
    ]);
    expect(left).toEqual([]);
  });

  it('takes the same share of each layer', async () => {
    const model = parse(TWO);
    await sparsify(model, options({ sparsity: 0.5, scope: 'layer' }));
    expect([numbers(model, 'v'), numbers(model, 'w')]).toEqual([
      [0, 0, 3, -4],
      [0, 0, -7, 8],
    ]);
  });

  it('takes no more of a layer than it may', async () => {
    const model = parse(TWO);
    await sparsify(model, options({ sparsity: 0.5, maxPerLayer: 0.75 }));
    expect([numbers(model, 'v'), numbers(model, 'w')]).toEqual([
      [0, 0, 0, -4],
      [0, 6, -7, 8],
    ]);
    await expect(sparsify(parse(TWO), options({ sparsity: 0.9, maxPerLayer: 0.5 }))).rejects.toThrow(
      '90.0 % of zeros cannot be reached; at most 50.0 % can be zero with --max-per-layer 0.5',
    );
  });

  it('compares weights by what they are of the larger ones of their layer', async () => {
    const model = parse(TWO.replace('-5,6,-7,8', '100,110,120,130'));
    await sparsify(model, options({ sparsity: 0.5, importance: 'lamp' }));
    expect(numbers(model, 'v').slice(0, 2)).toEqual([0, 0]);
    expect(numbers(model, 'w').slice(0, 2)).toEqual([0, 0]);
  });

  it('gives zeros in a number that ties do not change', async () => {
    const dims = fc.integer({ min: 1, max: 12 });
    const values = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 24, maxLength: 24 });
    const shares = fc.double({ min: 0, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(values, dims, shares, fc.constantFrom('magnitude', 'lamp'), async (all, cut, sparsity, by) => {
        const model = parse(`f (float[n,1] x) => (float[n,1] y)
          <float[1,${cut}] v = {${all.slice(0, cut)}}, float[${cut},1] w = {${all.slice(cut, 2 * cut)}}>
          { h = MatMul(x, v) y = MatMul(h, w) }`);
        const before = [...numbers(model, 'v'), ...numbers(model, 'w')];
        await sparsify(model, options({ sparsity, importance: by as 'magnitude' }));
        const after = [...numbers(model, 'v'), ...numbers(model, 'w')];
        const zeros = (list: number[]) => list.filter((value) => value === 0).length;
        expect(zeros(after)).toBe(Math.max(zeros(before), Math.round(sparsity * 2 * cut)));
        for (const [k, value] of after.entries()) expect([0, before[k]]).toContain(value);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['Gemm', 'y = Gemm(x, w)', [4, 2]],
    ['Gemm with its weight transposed', 'y = Gemm<transB = 1>(x, w)', [2, 4]],
    ['MatMul', 'y = MatMul(x, w)', [4, 2]],
    ['MatMul with a transposed constant', 't = Transpose(w) y = MatMul(x, t)', [2, 4]],
  ])('keeps two of four along the inputs of %s', async (_, nodes, dims) => {
    const model = parse(`f (float[n,4] x) => (float[n,2] y) <float[${dims}] w = {1,8,2,7,3,6,4,5}> { ${nodes} }`);
    await sparsify(model, options({ pattern: [2, 4] }));
    expect(numbers(model, 'w')).toEqual(dims[0] === 4 ? [0, 8, 0, 7, 3, 0, 4, 0] : [0, 8, 0, 7, 0, 6, 0, 5]);
  });

  it('keeps two of four along the channels of a convolution, and leaves layers whose channels do not fit', async () => {
    const model = parse(`f (float[n,4,3] x) => (float[n,3,1] y)
      <float[1,4,2] w = {1,80,2,70,3,60,4,50}, float[3,1,2] d = {1,2,3,4,5,6}, float[3,1,1] e = {1,2,3}>
      { [conv] h = Conv(x, w) [spread] s = Conv(h, e) [depthwise] y = Conv<group = 3>(s, d) }`);
    const { left } = await sparsify(model, options({ pattern: [2, 4] }));
    expect(numbers(model, 'w')).toEqual([0, 80, 0, 70, 3, 0, 4, 0]);
    const reason = 'it sums over 1 elements, which is no multiple of 4';
    expect(left).toEqual([
      { name: 'spread', reason },
      { name: 'depthwise', reason },
    ]);
  });

  it('reaches weights in Constant nodes, in float16, shared, and inside an If', async () => {
    const model = parse(
      `f (float16[n,2] x, bool c) => (float16[n,2] y) {
        v = Constant<value = float[2,2] {1,2,3,4}>()
        h = Cast<to = 10>(v)
        p = MatMul(x, h)
        y = If(c)<
          then_branch = g1 () => (float16[n,2] t) <float[2,2] w = {5,6,7,8}> { k = Cast<to = 10>(w) t = MatMul(p, k) },
          else_branch = g2 () => (float16[n,2] e) { e = MatMul(p, h) }
        >
      }`,
    );
    model.graph.initializers.set('z', Tensor.from('z', 'float16', [2, 2], [1, 1, 1, 1]));
    const { layers } = await sparsify(model, options({ sparsity: 0.75 }));
    expect(layers.map(({ after }) => after)).toEqual([0, 2]);
    expect(numbers(model, 'v')).toEqual([0, 0, 0, 0]);
    expect(numbers(model, 'z')).toEqual([1, 1, 1, 1]);
  });

  it('refuses a model without weights, and says what keeps them', async () => {
    const text = 'f (float[n,2] x) => (float[n,2] y) { y = Relu(x) }';
    await expect(sparsify(parse(text), options({ sparsity: 0.5 }))).rejects.toThrow(
      'has no weights that could become zero',
    );
    const keeps = () => 'excluded by --exclude';
    await expect(sparsify(parse(TWO), options({ sparsity: 0.5, keeps }))).rejects.toThrow(
      'has no weights that could become zero (first: excluded by --exclude; second: excluded by --exclude)',
    );
  });
});
