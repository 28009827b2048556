import { describe, expect, it } from 'vitest';
import type { NamedValues } from '../../../src/ir/types.js';
import { graphOf, noise, quantized } from './quantized.js';

const rows = (count: number, width: number): NamedValues => ({
  x: { type: 'float32', dims: [count, width], data: noise([count, width], 7) },
});

const dense = () =>
  graphOf(`g (float[N, 32] x, float[32, 48] w1, float[48] b1, float[8, 48] w2, float[8] b2) => (float[N, 8] y) {
    m = MatMul (x, w1)
    a = Add (m, b1)
    r = Relu (a)
    y = Gemm <transB = 1> (r, w2, b2)
  }`);

describe('int8 storage', () => {
  it('stores weights as int8, restored by Cast and Mul when the model is loaded', async () => {
    const { lines, sqnr, model } = await quantized(dense(), 'int8-storage', [rows(3, 32)]);
    expect(lines).toContain('w1_float = Cast(w1_int8)');
    expect(lines).toContain('w1_restored = Mul(w1_float, w1_scale)');
    expect(model.graph.initializers.get('w1_scale')!.dims).toEqual([1, 48]);
    expect(model.graph.initializers.has('w1')).toBe(false);
    expect(sqnr.y).toBeGreaterThan(40);
  });

  it('picks integer rows of an embedding, with one scale where that is precise enough', async () => {
    const model = graphOf(`g (int64[N, 3] ids, float[20, 16] w) => (float[N, 3, 16] y) { y = Gather (w, ids) }`);
    const ids = { type: 'int64', dims: [2, 3], data: BigInt64Array.of(1n, 2n, 3n, 0n, 0n, 19n) } as const;
    const { lines, sqnr } = await quantized(model, 'int8-storage', [{ ids }]);
    expect(lines).toEqual(['y_int8 = Gather(w_int8, ids)', 'y = DequantizeLinear(y_int8, w_scale, w_zero_point)']);
    expect(sqnr.y).toBeGreaterThan(35);
  });

  it('takes a scale per row where rows differ in size', async () => {
    const model = graphOf(`g (int64[N] ids) => (float[N, 2] y) <float[3, 2] table = {100, -50, 0.01, 0.02, 1, 1}> {
      y = Gather (table, ids)
    }`);
    const ids = { type: 'int64', dims: [3], data: BigInt64Array.of(1n, 2n, -1n) } as const;
    const { lines, sqnr } = await quantized(model, 'int8-storage', [{ ids }]);
    expect(lines.at(-1)).toBe('y = Mul(y_float, y_scale)');
    expect(sqnr.y).toBeGreaterThan(35);
  });

  it('stores recurrent weights, both of them', async () => {
    const model =
      graphOf(`g (float[T, N, 12] x, float[1, 24, 12] w1, float[1, 24, 8] w2, float[1, 48] b) => (float[1, N, 8] y) {
      all, y = GRU <hidden_size = 8> (x, w1, w2, b)
    }`);
    const x = { type: 'float32', dims: [6, 3, 12], data: noise([6, 3, 12], 3) } as const;
    const { lines, sqnr } = await quantized(model, 'int8-storage', [{ x }]);
    expect(lines.at(-1)).toBe('all, y = GRU(x, w1_restored, w2_restored, b)');
    expect(sqnr.y).toBeGreaterThan(35);
  });

  it('stores the weights that a Loop hands on from step to step, as tf2onnx writes recurrent layers', async () => {
    const model = graphOf(`g (float[4, N, 12] x, float[N, 8] s, float[12, 8] w1, float[8, 8] w2) => (float[N, 8] y)
      <int64 steps = {4}, bool yes = {1}> {
      y, w1_last, w2_last = Loop <body = step (int64 i, bool go, float[N, 8] h, float[12, 8] a, float[8, 8] b)
        => (bool next, float[N, 8] o, float[12, 8] a_out, float[8, 8] b_out) {
          e = Gather (x, i) p = MatMul (e, a) r = MatMul (h, b) u = Add (p, r) o = Tanh (u)
          a_out = Identity (a) b_out = Identity (b) next = Identity (go)
        }> (steps, yes, s, w1, w2)
    }`);
    const x = { type: 'float32', dims: [4, 3, 12], data: noise([4, 3, 12], 3) } as const;
    const s = { type: 'float32', dims: [3, 8], data: noise([3, 8], 4) } as const;
    const { model: stored, sqnr } = await quantized(model, 'int8-storage', [{ x, s }]);
    const loop = stored.graph.nodes.at(-1)!;
    expect(loop.inputs).toEqual(['steps', 'yes', 's', 'w1_restored', 'w2_restored']);
    expect(stored.graph.initializers.get('w2_scale')!.dims).toEqual([1, 8]);
    expect(sqnr.y).toBeGreaterThan(35);
  });
});

describe('float16 storage', () => {
  it('stores weights as float16, restored by a Cast', async () => {
    const { lines, sqnr } = await quantized(dense(), 'fp16-storage', [rows(3, 32)]);
    expect(lines).toContain('w1 = Cast(w1_float16)');
    expect(sqnr.y).toBeGreaterThan(60);
  });

  it('scales weights that float16 does not reach', async () => {
    const model = graphOf(`g (float[N, 2] x) => (float[N, 2] large, float[N, 2] small)
      <float[2, 2] a = {100000, -70000, 3, 1}, float[2, 2] c = {1e-9, -2e-9, 3e-10, 0}> {
      large = MatMul (x, a)
      small = MatMul (x, c)
    }`);
    const { lines, sqnr } = await quantized(model, 'fp16-storage', [rows(3, 2)]);
    expect(lines).toContain('a = Mul(a_float, a_scale)');
    expect(sqnr.large).toBeGreaterThan(60);
    expect(sqnr.small).toBeGreaterThan(60);
  });
});

describe('4-bit weights', () => {
  it('packs blocks of rows, and fills up the last', async () => {
    const model = graphOf(`g (float[N, 40] x, float[40, 8] w) => (float[N, 8] y) { y = MatMul (x, w) }`);
    const { lines, sqnr, model: result } = await quantized(model, 'int4', [rows(4, 40)]);
    expect(lines).toEqual(['y = com.microsoft.MatMulNBits(x, w_int4, w_scale)']);
    expect(result.graph.initializers.get('w_int4')!.dims).toEqual([8, 3, 8]);
    expect(sqnr.y).toBeGreaterThan(15);
  });
});
