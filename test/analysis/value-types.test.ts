import { describe, expect, it } from 'vitest';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import { parseModel } from '../../src/onnx/text.js';

const infer = (graph: string) => inferValueTypes(parseModel(`<ir_version: 8, opset_import: ["": 17]> ${graph}`));

describe('inferValueTypes', () => {
  it('tells types and symbolic shapes of every value', async () => {
    const facts =
      await infer(`g (float[N, 3] x) => (int64[2] shape) <float[3, 4] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}> {
      y = MatMul (x, w)
      shape = Shape (y)
    }`);
    expect(facts.get('y')).toEqual({ type: 'float32', dims: ['N', 4] });
    expect(facts.get('shape')).toEqual({ type: 'int64', dims: [2] });
  });

  it('tells scalars from values of unknown rank', async () => {
    const facts = await infer(`g (float[N, 3] x, int64[k] target) => (float[M] y, float z) {
      r = Reshape (x, target)
      y = Relu (r)
      z = ReduceSum <keepdims = 0> (x)
    }`);
    expect(facts.get('z')).toEqual({ type: 'float32', dims: [] });
    expect(facts.get('r')).toEqual({ type: 'float32' });
    expect(facts.get('y')!.type).toBe('float32');
  });

  it('knows that Gemm works on matrices, whatever comes before', async () => {
    const facts =
      await infer(`g (float[N, 3] x, int64[k] target) => (float[M, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}> {
      r = Reshape (x, target)
      y = Gemm (r, w)
    }`);
    expect(facts.get('r')!.dims).toHaveLength(2);
    expect(facts.get('y')!.dims).toHaveLength(2);
  });
});
