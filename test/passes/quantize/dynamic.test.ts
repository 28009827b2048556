import { describe, expect, it } from 'vitest';
import type { NamedValues } from '../../../src/ir/types.js';
import { surveyModel } from '../../../src/passes/quantize/plan.js';
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

describe('dynamic quantization', () => {
  it('computes ranges at run time, once for an activation that several nodes share', async () => {
    const model = graphOf(`g (float[N, 5, 32] x, float[32, 8] w1, float[32, 8] w2) => (float[N, 5, 8] y) {
      a = MatMul (x, w1)
      b = MatMul (x, w2)
      y = Mul (a, b)
    }`);
    const x = { type: 'float32', dims: [2, 5, 32], data: noise([2, 5, 32], 3) } as const;
    const { lines, sqnr } = await quantized(model, 'dynamic', [{ x }]);
    expect(lines.filter((line) => line.includes('DynamicQuantizeLinear'))).toEqual([
      'x_quantized, x_quantized_1, x_quantized_2 = DynamicQuantizeLinear(x)',
    ]);
    expect(lines.filter((line) => line.includes('MatMulInteger'))).toHaveLength(2);
    expect(sqnr.y).toBeGreaterThan(35);
  });

  it.each(['dynamic', 'int4'] as const)('stores a weight once that several nodes share: %s', async (treatment) => {
    const model = graphOf(`g (float[N, 32] x, float[32, 32] w1) => (float[N, 32] y) {
      a = MatMul (x, w1) b = Relu (a) y = MatMul (b, w1)
    }`);
    const { model: small } = await quantized(model, treatment, [rows(3, 32)]);
    const weights = [...small.graph.initializers.values()].filter(({ dims }) => dims.length > 1);
    expect(weights.map(({ name }) => name)).toEqual([treatment === 'dynamic' ? 'w1_int8' : 'w1_int4']);
  });

  it('brings Gemm to MatMul first, its bias behind it', async () => {
    const { lines, sqnr } = await quantized(dense(), 'dynamic', [rows(3, 32)]);
    expect(lines.filter((line) => line.includes('MatMulInteger'))).toHaveLength(2);
    expect(lines.at(-1)).toMatch(/^y = Add\(/);
    expect(sqnr.y).toBeGreaterThan(35);
  });

  it('turns an LSTM into DynamicQuantizeLSTM, without the attribute that it does not know', async () => {
    const model =
      graphOf(`g (float[T, N, 12] x, float[2, 32, 12] w1, float[2, 32, 8] w2, float[2, 64] b) => (float[2, N, 8] y) {
      all, y = LSTM <hidden_size = 8, direction = "bidirectional", layout = 0> (x, w1, w2, b)
    }`);
    const x = { type: 'float32', dims: [6, 3, 12], data: noise([6, 3, 12], 3) } as const;
    for (const perChannel of [true, false]) {
      const { model: result, sqnr } = await quantized(model, 'dynamic', [{ x }], { perChannel });
      expect(result.graph.nodes.map((node) => node.type)).toEqual(['com.microsoft.DynamicQuantizeLSTM']);
      expect(result.graph.initializers.get('w1_int8')!.dims).toEqual([2, 12, 32]);
      expect(sqnr.y).toBeGreaterThan(30);
    }
  });

  it('tells recurrent nodes apart whose first output is left out', async () => {
    const model =
      graphOf(`g (float[T, N, 12] x, float[1, 32, 12] w1, float[1, 32, 8] w2) => (float[1, N, 8] y, float[1, N, 8] z) {
      "", y = LSTM <hidden_size = 8> (x, w1, w2)
      "", z = LSTM <hidden_size = 8> (x, w1, w2)
    }`);
    expect(surveyModel(model).candidates.map(({ key }) => key)).toEqual(['y', 'z']);
  });
});
