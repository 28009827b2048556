import { describe, expect, it } from 'vitest';
import { Tensor } from '../../../src/ir/tensor.js';
import { prepareForPruning } from '../../../src/passes/prune/prepare.js';
import { modelWithWeights } from './model-with-weights.js';
import { prunable } from './oracle.js';

/** The model of a text, in which some inputs are zeros. */
function withZeros(text: string, zeros: Record<string, number[]>) {
  const model = modelWithWeights(text);
  for (const [name, dims] of Object.entries(zeros)) {
    const size = dims.reduce((product, dim) => product * dim, 1);
    model.graph.initializers.set(name, Tensor.from(name, 'float32', dims, new Float32Array(size)));
  }
  return model;
}

const LAYERS = (second: string) => `
  <ir_version: 8, opset_import: ["" : 17]>
  layers (float[N, 4] x, float[4, 4] a, float[4, 4] b, float[4, 2] w, float[4] zero) => (float[N, 2] y)
  { h = Gemm (x, a, zero) i = Relu (h) j = Gemm (i, ${second}, zero) k = Relu (j) y = MatMul (k, w) }`;

describe('preparing for pruning', () => {
  it('gives layers zero biases of their own', async () => {
    const { model, found } = await prunable(withZeros(LAYERS('b'), { zero: [4] }));
    expect(model.graph.nodes.map(({ inputs }) => inputs[2])).toEqual([
      'zero',
      undefined,
      'zero_1',
      undefined,
      undefined,
    ]);
    expect(found.groups.map(({ name }) => name)).toEqual(['h', 'j']);
  });

  it('leaves biases that mean something shared, and those of layers that share their weights', async () => {
    const biases = async (model: ReturnType<typeof modelWithWeights>) =>
      (await prepareForPruning(model)).graph.nodes.flatMap(({ inputs }) => inputs[2] ?? []);
    expect(await biases(modelWithWeights(LAYERS('b')))).toEqual(['zero', 'zero']);
    expect(await biases(withZeros(LAYERS('a'), { zero: [4] }))).toEqual(['zero', 'zero']);
  });

  it('makes initial states for each recurrent layer', async () => {
    const { found } = await prunable(
      modelWithWeights(`
        <ir_version: 8, opset_import: ["" : 17]>
        stacked (float[T, N, 4] x, float[1, 15, 4] a, float[1, 15, 5] r, float[1, 15, 5] b, float[1, 15, 5] s,
          float[5, 2] w) => (float[T, N, 1, 2] y)
        {
          n = Shape <start = 1, end = 2> (x)
          o = Constant <value_ints = [1]> ()
          h = Constant <value_ints = [5]> ()
          d = Concat <axis = 0> (o, n, h)
          z = ConstantOfShape (d)
          p = GRU <hidden_size = 5> (x, a, r, , , z)
          q = Squeeze (p, o)
          u = GRU <hidden_size = 5> (q, b, s, , , z)
          y = MatMul (u, w)
        }`),
    );
    expect(found.groups.map(({ name, size }) => `${name} × ${size}`)).toEqual(['p × 5', 'u × 5']);
  });

  it('brings old models to a form that the rules know', async () => {
    const model = modelWithWeights(`
      <ir_version: 8, opset_import: ["" : 9]>
      old (float[N, 4] x, float[4, 6] a, float[3, 2] w) => (float[N, 2] y)
      { h = MatMul (x, a) i, j = Split <axis = 1, split = [3, 3]> (h) k = Mul (i, j) y = MatMul (k, w) }`);
    const { model: prepared, found } = await prunable(model);
    expect(prepared.opset).toBe(13);
    expect(found.groups.map(({ name, size }) => `${name} × ${size}`)).toEqual(['h × 3']);
  });
});
