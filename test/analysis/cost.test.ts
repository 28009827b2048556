import { describe, expect, it } from 'vitest';
import { measureCost } from '../../src/analysis/cost.js';
import { Tensor } from '../../src/ir/tensor.js';
import { parseModel } from '../../src/onnx/text.js';

describe('measureCost', () => {
  it('counts on a batch of one, by operator, costliest first', async () => {
    const model = parseModel(`
      <ir_version: 8, opset_import: ["" : 13]>
      net (float[batch, 4] x) => (float[batch, 2] y)
      <float[4, 3] w1 = {1,2,3,4,5,6,7,8,9,10,11,12}, float[3] b1 = {0,0,0}, float[3, 2] w2 = {1,2,3,4,5,6}>
      { h = MatMul(x, w1)  g = Add(h, b1)  r = Relu(g)  y = MatMul(r, w2) }`);
    const cost = await measureCost(model);
    expect(cost.operators).toEqual([
      { type: 'MatMul', count: 2, parameters: 18, bytes: 72, macs: 18 },
      { type: 'Add', count: 1, parameters: 3, bytes: 12, macs: 0 },
      { type: 'Relu', count: 1, parameters: 0, bytes: 0, macs: 0 },
    ]);
    expect(cost).toMatchObject({ parameters: 21, bytes: 84, macs: 18, unknown: [] });
    expect([...cost.nodes]).toEqual([
      ['h', 12],
      ['y', 6],
    ]);
    expect((await measureCost(model, { shapes: [['batch', [5]]] })).macs).toBe(90);
    const x = { type: 'float32', dims: [2, 4], data: new Float32Array(8) } as const;
    expect((await measureCost(model, { feeds: { x } })).macs).toBe(36);
  });

  it('runs the model for shapes that only its values tell', async () => {
    const model = parseModel(`
      <ir_version: 8, opset_import: ["" : 13]>
      net (float[1, 6] x) => (float[n, 2] y)
      <float[1, 2] w = {1, 2}>
      { z = NonZero(x)  t = Transpose<perm = [1, 0]>(z)  f = Cast<to = 1>(t)  k = ReduceSum<keepdims = 1>(f)
        c = Mul(f, k)  axis = Constant<value = int64[1] {1}>()  s = ReduceSum<keepdims = 1>(c, axis)  y = MatMul(s, w) }`);
    const data = Float32Array.of(0, 1, 0, 2, 3, 0);
    const { macs, unknown } = await measureCost(model, { feeds: { x: { type: 'float32', dims: [1, 6], data } } });
    expect({ macs, unknown }).toEqual({ macs: 6, unknown: [] });
  });

  it('says what it cannot count, and why', async () => {
    const model = parseModel(`
      <ir_version: 8, opset_import: ["" : 13, "mine" : 1]>
      net (float[1, 4] x) => (float[1, 3] y)
      <float[4, 3] w = {1,2,3,4,5,6,7,8,9,10,11,12}>
      { h = mine.Secret(x)  y = MatMul(h, w) }`);
    const { macs, unknown, parameters } = await measureCost(model);
    expect({ macs, parameters }).toEqual({ macs: 0, parameters: 12 });
    expect(unknown).toMatchObject([{ node: 'y', type: 'MatMul', reason: expect.stringContaining('Secret') }]);
  });

  it('keeps the number of parameters when weights are quantized', async () => {
    const model = parseModel(`
      <ir_version: 8, opset_import: ["" : 13]>
      net (float[1, 4] x) => (float[1, 3] y)
      <float s = {0.5}, int8 z = {0}, int8[4, 3] q = {1,2,3,4,5,6,7,8,9,10,11,12}>
      { w = DequantizeLinear(q, s, z)  y = MatMul(x, w) }`);
    const cost = await measureCost(model);
    expect(cost).toMatchObject({ parameters: 12, bytes: 17, macs: 12 });
    expect(cost.operators[0]).toEqual({ type: 'MatMul', count: 1, parameters: 12, bytes: 17, macs: 12 });
  });

  it('counts weights in Constant nodes, but no single numbers there', async () => {
    const model = parseModel(`
      <ir_version: 8, opset_import: ["" : 13]>
      net (float[1, 2] x) => (float[1, 2] y)
      { w = Constant<value = float[2] {1, 2}>()  e = Constant<value = float {0.1}>()  h = Mul(x, w)  y = Add(h, e) }`);
    expect((await measureCost(model)).parameters).toBe(2);
  });

  it('reads no weights where shapes can be inferred', async () => {
    const model = parseModel(`
      <ir_version: 8, opset_import: ["" : 13]>
      net (float[1, 64] x, float[64, 64] w) => (float[1, 64] y) { y = MatMul(x, w) }`);
    model.graph.inputs.pop();
    const unread = Tensor.lazy('w', 'float32', [64, 64], () => {
      throw new Error('read');
    });
    model.graph.initializers.set('w', unread);
    expect((await measureCost(model)).macs).toBe(4096);
  });
});
