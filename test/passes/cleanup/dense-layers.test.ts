import { describe, expect, it } from 'vitest';
import { gemmToMatMulAdd, matMulAddToGemm } from '../../../src/passes/cleanup/index.js';
import { cleaned } from './cleaned.js';
import { outputsOf } from './same-outputs.js';

const x = { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) } as const;

describe('gemm-to-matmul-add', () => {
  it('stores a transposed weight as it is used, with the factors in it', async () => {
    const { model, lines, numbers } = await cleaned(
      `g (float[N, 2] x) => (float[N, 3] y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[3] b = {1, 2, 3}> {
        y = Gemm <alpha = 2.0, beta = 10.0, transB = 1> (x, w, b)
      }`,
      gemmToMatMulAdd,
    );
    expect(lines).toEqual(['y_product = MatMul(x, w_scaled_transposed)', 'y = Add(y_product, b_scaled)']);
    expect(numbers('w_scaled_transposed')).toEqual([2, 6, 10, 4, 8, 12]);
    const { y } = await outputsOf(model, { x });
    expect([...(y!.data as Float32Array)]).toEqual([10 + 10, 22 + 20, 34 + 30]);
  });

  it('leaves a Gemm that transposes its input', async () => {
    const { records } = await cleaned(
      'g (float[2, N] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}> { y = Gemm <transA = 1> (x, w) }',
      gemmToMatMulAdd,
    );
    expect(records[0]!.changed).toBe(0);
  });
});

describe('matmul-add-to-gemm', () => {
  it('joins a dense layer on two dimensions', async () => {
    const { lines } = await cleaned(
      `g (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}, float[1] b = {3}> {
        m = MatMul (x, w)
        y = Add (b, m)
      }`,
      matMulAddToGemm,
    );
    expect(lines).toEqual(['y = Gemm(x, w, b)']);
  });

  it('leaves one on three, and one whose product is used elsewhere', async () => {
    const { lines } = await cleaned(
      `g (float[N, 5, 2] x, float[N, 2] z) => (float[N, 5, 1] y, float[N, 1] v) <float[2, 1] w = {1, 2}, float[1] b = {3}> {
        m = MatMul (x, w)
        y = Add (b, m)
        n = MatMul (z, w)
        u = Add (n, b)
        v = Mul (u, n)
      }`,
      matMulAddToGemm,
    );
    expect(lines).toHaveLength(5);
  });
});
