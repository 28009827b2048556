import { describe, expect, it } from 'vitest';
import { parseModel } from '../../../../src/onnx/text.js';
import { CRITERIA } from '../../../../src/passes/prune/importance/index.js';
import { prunable } from '../oracle.js';

const MODEL = `
  <ir_version: 8, opset_import: ["" : 17]>
  two (float[N, 2] x) => (float[N, 1] y)
  <float[2, 3] v = {1, -2, 1, 1, 2, 0}, float[3] b = {0, 0, 3}, float[3, 1] w = {3, 1, -2}, float[1] c = {1}>
  { m = MatMul (x, v) h = Add (m, b) r = Relu (h) n = MatMul (r, w) y = Add (n, c) }`;

// r = [3, 2, 4], [3, 0, 5], [0, 4, 2], [0, 0, 3]: the mean of r is [1.5, 1.5, 3.5]
const ROWS = [1, 2, 2, 1, -1, 1, 0, 0];

async function values(name: keyof typeof CRITERIA, text = MODEL) {
  const { model, found } = await prunable(parseModel(text));
  async function* batches() {
    yield { x: { type: 'float32' as const, dims: [1, 2], data: Float32Array.from(ROWS.slice(0, 2)) } };
    yield { x: { type: 'float32' as const, dims: [3, 2], data: Float32Array.from(ROWS.slice(2)) } };
  }
  const importance = await CRITERIA[name].measure({ model, found, batches, seed: 3 });
  return found.groups.map((group) => [...importance.get(group)!].map((value) => Math.round(value * 1e3) / 1e3));
}

describe('criteria of importance', () => {
  it('sum up weights on both sides', async () => {
    expect(await values('l1')).toEqual([[5, 5, 3]]);
    expect(await values('l2')).toEqual([[3.317, 3, 2.236]]);
  });

  it('take factors of batch normalizations where there are some', async () => {
    const text = `
      <ir_version: 8, opset_import: ["" : 17]>
      net (float[N, 1, 4, 4] x) => (float[N, 1, 4, 4] y)
      <float[2, 1, 1, 1] v = {1, 2}, float[2] scale = {-3, 2}, float[2] shift = {0, 1}, float[2] mean = {0, 1},
       float[2] variance = {1, 1}, float[1, 2, 1, 1] w = {1, 5}>
      { h = Conv (x, v) n = BatchNormalization (h, scale, shift, mean, variance) r = Relu (n) y = Conv (r, w) }`;
    expect(await values('batch-norm', text)).toEqual([[3, 2]]);
    expect(await values('batch-norm')).toEqual(await values('l2'));
  });

  it('look at activations', async () => {
    expect(await values('activation')).toEqual([[1.5, 1.5, 3.5]]);
    expect(await values('zeros')).toEqual([[0.5, 0.5, 1]]);
  });

  it('find what layers cannot make up for', async () => {
    // Without Relu, h0 = x0 + x1, h1 = 2·x1 − 2·x0 and h2 = x0 + 3: any of them follows from the others.
    const [losses] = await values('reconstruction', MODEL.replace('r = Relu (h)', 'r = Identity (h)'));
    const [least, ...others] = losses!.sort((a, b) => a - b);
    expect(least).toBeLessThan(0.05);
    for (const loss of others) expect(loss).toBeGreaterThan(0.1);
  });

  it('are the same wherever channels lie among others', async () => {
    const beside = (order: string, weights: string) => `
      <ir_version: 8, opset_import: ["" : 17]>
      two (float[N, 2] x) => (float[N, 1] y)
      <float[2, 3] v = {1, -2, 1, 1, 2, 0}, float[2, 3] u = {2, 1, 0, 1, -1, 3}, float[6, 1] w = {${weights}}>
      { h = MatMul (x, v) r = Relu (h) s = MatMul (x, u) c = Concat <axis = 1> (${order}) y = MatMul (c, w) }`;
    const [first, last] = [beside('r, s', '3, 1, -2, 1, 2, 3'), beside('s, r', '1, 2, 3, 3, 1, -2')];
    expect(await values('reconstruction', first)).toEqual(await values('reconstruction', last));
  });

  it('come from the seed', async () => {
    expect(await values('random')).toEqual(await values('random'));
  });
});
