import { describe, expect, it } from 'vitest';
import { foldedLayers } from '../../src/training/folded-layers.js';
import { graphOf } from '../ops/gradients/check-gradient.js';

const outputsOf = async (text: string) => (await foldedLayers(graphOf(text))).map(({ output }) => output);

describe('foldedLayers', () => {
  it('are convolutions and dense layers with a bias, before an activation', async () => {
    const text = `f (float[n,1,4] x) => (float[n,2] y)
      <float[2,1,1] k = {1,2}, float[2] b = {0,1}, float[8,3] w, float[3] c = {1,2,3}, float[3,2] v, float[2] d = {0,1},
       float[2,2] u = {1,0,0,1}, float[2] e = {0,1}>
      { h = Conv(x, k, b) r = Relu(h) g = Flatten(r) m = MatMul(g, w) a = Add(c, m) s = Sigmoid(a)
        q = Gemm(s, v, d) t = Tanh(q) y = Gemm(t, u, e) }`
      .replace('float[8,3] w', `float[8,3] w = {${new Array(24).fill(0.5)}}`)
      .replace('float[3,2] v', `float[3,2] v = {${new Array(6).fill(0.5)}}`);
    expect(await outputsOf(text)).toEqual(['h', 'a', 'q']);
  });

  it('are none over sequences, without a bias per channel, or with constants that others take', async () => {
    const sequence = `f (float[n,5,2] x) => (float[n,5,2] y) <float[2,2] w = {1,0,0,1}, float[2] b = {0,1}>
      { m = MatMul(x, w) a = Add(m, b) y = Relu(a) }`;
    expect(await outputsOf(sequence)).toEqual([]);
    const dense = (inputs: string, gemm = 'Gemm') => `f (float[n,2] x) => (float[n,2] y)
      <float[2,2] w = {1,0,0,1}, float[2] b = {0,1}, float[1] one = {1}> { h = ${gemm}(${inputs}) y = Relu(h) }`;
    expect(await outputsOf(dense('x, w, b'))).toEqual(['h']);
    expect(await outputsOf(dense('x, w'))).toEqual([]);
    expect(await outputsOf(dense('x, w, one'))).toEqual([]);
    expect(await outputsOf(dense('x, w, b', 'Gemm<beta = 2.0>'))).toEqual([]);
    expect(await outputsOf(dense('x, w, b').replace('y = Relu(h)', 'r = Relu(h) y = Add(r, b)'))).toEqual([]);
  });
});
