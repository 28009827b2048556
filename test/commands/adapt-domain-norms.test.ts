import { describe, expect, it } from 'vitest';
import { normKinds } from '../../src/commands/adapt-domain-norms.js';
import { graphOf } from '../ops/gradients/check-gradient.js';

const kindsOf = (text: string, opset?: number) => normKinds({ path: 'm.onnx', model: graphOf(text, opset) });

describe('normKinds', () => {
  it('tells batch normalizations from those of single samples, in parts, too', async () => {
    const batch = `f (float[n,2] x) => (float[n,2] y)
      <float[2] s = {1,2}, float[2] b = {0,1}, float[2] m = {0,1}, float[2] v = {1,4}>
      { y = BatchNormalization(x, s, b, m, v) }`;
    expect(await kindsOf(batch)).toEqual({ batch: true, single: undefined });
    const parts = `f (float[n,4] x) => (float[n,4] y)
      <float[4] t = {1,1,2,1}, float[4] d = {0,1,0,1}, float two = {2}, float e = {0.00001}>
      { m = ReduceMean<axes = [-1]>(x) c = Sub(x, m) p = Pow(c, two) q = ReduceMean<axes = [-1]>(p) a = Add(q, e)
        r = Sqrt(a) n = Div(c, r) s = Mul(n, t) y = Add(s, d) }`;
    expect(await kindsOf(parts, 13)).toEqual({ batch: false, single: 'LayerNormalization' });
    expect(await kindsOf('f (float[n,2] x) => (float[n,2] y) { y = Relu(x) }')).toEqual({
      batch: false,
      single: undefined,
    });
  });

  it('refuses quantized models', async () => {
    const text = `f (float[n,2] x) => (float[n,2] y) <int8[2,2] w = {1,2,3,4}, float s = {0.5}>
      { d = DequantizeLinear(w, s) y = MatMul(x, d) }`;
    await expect(kindsOf(text)).rejects.toThrow(
      'm.onnx: is quantized: what its layers give cannot be shifted and scaled',
    );
  });
});
