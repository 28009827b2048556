import { describe, expect, it } from 'vitest';
import { normParameters } from '../../src/training/norm-parameters.js';
import { prepareForTraining } from '../../src/training/prepare.js';
import { graphOf } from '../ops/gradients/check-gradient.js';

const namesOf = async (text: string, opset?: number) =>
  [...normParameters(await prepareForTraining(graphOf(text, opset)))].sort();

describe('normParameters', () => {
  it('are scale and shift of batch and layer normalizations, not other vectors', async () => {
    const text = `f (float[n,2,4] x) => (float[n,2,4] y)
      <float[2] s = {1,2}, float[2] b = {0,1}, float[2] m = {0,0}, float[2] v = {1,1}, float[2,2,1] w = {1,2,3,4},
       float[2] c = {1,2}, float[4] t = {1,1,2,1}, float[4] d = {0,1,0,1}, float[4] e = {1,2,3,4}>
      { h = Conv(x, w, c) n = BatchNormalization(h, s, b, m, v) r = Relu(n) l = LayerNormalization(r, t, d) y = Mul(l, e) }`;
    expect(await namesOf(text)).toEqual(['b', 'd', 's', 't']);
  });

  it('are found where layer normalization is written in other operators', async () => {
    const text = `f (float[n,4] x) => (float[n,4] y)
      <float[4] t = {1,1,2,1}, float[4] d = {0,1,0,1}, float two = {2}, float e = {0.00001}>
      { m = ReduceMean<axes = [-1]>(x) c = Sub(x, m) p = Pow(c, two) q = ReduceMean<axes = [-1]>(p) a = Add(q, e)
        r = Sqrt(a) n = Div(c, r) s = Mul(n, t) y = Add(s, d) }`;
    expect(await namesOf(text, 13)).toEqual(['d', 't']);
  });

  it('are those behind an instance normalization that stands for one of groups', async () => {
    const text = `f (float[2,4,3] x) => (float[2,4,3] y)
      <int64[3] g = {0,2,-1}, int64[3] k = {2,4,3}, float[2] one = {1,1}, float[2] zero = {0,0},
       float[4,1] t = {1,1,2,1}, float[4,1] d = {0,1,0,1}, float[4,1] e = {1,2,3,4}>
      { h = Reshape(x, g) i = InstanceNormalization(h, one, zero) j = Reshape(i, k) s = Mul(j, t) a = Add(s, d)
        r = Relu(a) y = Add(r, e) }`;
    expect(await namesOf(text)).toEqual(['d', 'one', 't', 'zero']);
  });
});
