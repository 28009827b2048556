import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/ir/model.js';
import type { NamedValues } from '../../../src/ir/types.js';
import { prepareForQuantization } from '../../../src/passes/quantize/index.js';
import { growRegion, regionValues } from '../../../src/passes/quantize/region.js';
import { graphOf, linesOf, noise, quantized } from './quantized.js';

const image = (batch: number, seed = 5): NamedValues => ({
  x: { type: 'float32', dims: [batch, 2, 6, 6], data: noise([batch, 2, 6, 6], seed) },
});

const WEIGHTS = 'float[4, 2, 3, 3] w1, float[4] b1, float[4, 4, 3, 3] w2';

const residual = () =>
  graphOf(`g (float[N, 2, 6, 6] x, ${WEIGHTS}) => (float[N, 4, 4, 4] y) {
    c1 = Conv (x, w1, b1)
    r1 = Relu (c1)
    c2 = Conv <pads = [1, 1, 1, 1]> (r1, w2)
    s = Add (c2, r1)
    y = Relu (s)
  }`);

/** Names of the nodes that run on integers when all convolutions do. */
async function region(model: Model): Promise<string[]> {
  const prepared = await prepareForQuantization(model);
  const anchors = new Set(prepared.model.graph.nodes.filter((node) => node.type === 'Conv'));
  const { nodes } = growRegion(prepared.model, anchors, prepared.isFloat32);
  return [...nodes].map((node) => node.outputs[0]!);
}

describe('growRegion', () => {
  it('takes in what lies between convolutions, and nothing behind the last', async () => {
    const model = graphOf(`g (float[N, 2, 6, 6] x, ${WEIGHTS}) => (float[N, 4, 1, 1] y) {
      c1 = Conv (x, w1)
      p = MaxPool <kernel_shape = [2, 2]> (c1)
      l = LeakyRelu (p)
      c2 = Conv (l, w2)
      y = LeakyRelu (c2)
    }`);
    expect(await region(model)).toEqual(['c1', 'c2', 'p', 'l']);
  });

  it('leaves out operators that work on whole numbers, and those that have no integer kernel', async () => {
    const model = graphOf(`g (float[N, 2, 6, 6] x, ${WEIGHTS}) => (float[N, 4, 2, 2] y, int64[4] sum) {
      c1 = Conv (x, w1)
      e = Elu (c1)
      y = Conv (e, w2)
      shape = Shape (y)
      sum = Add (shape, shape)
    }`);
    expect(await region(model)).toEqual(['c1', 'y']);
  });

  it('needs the ranges of what its nodes take and make, with Relu as part of the node before it', async () => {
    const { model, isFloat32 } = await prepareForQuantization(residual());
    const anchors = new Set(model.graph.nodes.filter((node) => node.type === 'Conv'));
    expect([...regionValues(model.graph, growRegion(model, anchors, isFloat32))]).toEqual(['x', 'r1', 'c2']);
  });
});

describe('static quantization', () => {
  it('wraps each integer node in DequantizeLinear and QuantizeLinear, and lets Relu vanish between them', async () => {
    const { lines, sqnr } = await quantized(residual(), 'static', [image(2), image(3, 6)]);
    expect(lines).toEqual([
      'x_quantized = QuantizeLinear(x, x_scale, x_zero_point)',
      'x_dequantized = DequantizeLinear(x_quantized, x_scale, x_zero_point)',
      'w1_dequantized = DequantizeLinear(w1_int8, w1_scale, w1_zero_point)',
      'b1_dequantized = DequantizeLinear(b1_int32, b1_scale)',
      'c1 = Conv(x_dequantized, w1_dequantized, b1_dequantized)',
      'r1 = Relu(c1)',
      'r1_quantized = QuantizeLinear(r1, r1_scale, r1_zero_point)',
      'r1_dequantized = DequantizeLinear(r1_quantized, r1_scale, r1_zero_point)',
      'w2_dequantized = DequantizeLinear(w2_int8, w2_scale, w2_zero_point)',
      'c2 = Conv(r1_dequantized, w2_dequantized)',
      'c2_quantized = QuantizeLinear(c2, c2_scale, c2_zero_point)',
      'c2_dequantized = DequantizeLinear(c2_quantized, c2_scale, c2_zero_point)',
      's = Add(c2_dequantized, r1_dequantized)',
      'y = Relu(s)',
    ]);
    expect(sqnr.y).toBeGreaterThan(30);
  });

  it('keeps names and numbers of graph outputs inside the region', async () => {
    const model =
      graphOf(`g (float[N, 2, 6, 6] x, ${WEIGHTS}) => (float[N, 4, 4, 4] c1, float[N, 4, 2, 2] p, float[N, 4, 2, 2] y) {
      c1 = Conv (x, w1, b1)
      r1 = Relu (c1)
      p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r1)
      y = Conv <pads = [1, 1, 1, 1]> (p, w2)
    }`);
    const { model: result, sqnr } = await quantized(model, 'static', [image(2)]);
    expect(result.graph.outputs.map(({ name }) => name)).toEqual(['c1', 'p', 'y']);
    for (const name of ['c1', 'p', 'y']) expect(sqnr[name]).toBeGreaterThan(25);
  });

  it('gives operators that only move elements the scale of their input', async () => {
    const { model, lines } = await quantized(
      graphOf(`g (float[N, 2, 6, 6] x, ${WEIGHTS}) => (float[N, 4, 1, 1] y) {
        c1 = Conv (x, w1)
        p = MaxPool <kernel_shape = [2, 2]> (c1)
        y = Conv (p, w2)
      }`),
      'static',
      [image(2)],
    );
    expect(lines.some((line) => line.startsWith('p_quantized = QuantizeLinear(p'))).toBe(true);
    const { initializers } = model.graph;
    expect([...initializers.get('p_scale')!.toFloats()]).toEqual([...initializers.get('c1_scale')!.toFloats()]);
  });

  it('shares a weight between two nodes that use it in the same way', async () => {
    const model = graphOf(`g (float[N, 2, 6, 6] x, ${WEIGHTS}) => (float[N, 4, 4, 4] y) {
      c1 = Conv (x, w1)
      c2 = Conv <pads = [1, 1, 1, 1]> (c1, w2)
      y = Conv <pads = [1, 1, 1, 1]> (c2, w2)
    }`);
    const { model: result } = await quantized(model, 'static', [image(2)]);
    expect([...result.graph.initializers.keys()].filter((name) => name.includes('w2'))).toEqual([
      'w2_int8',
      'w2_scale',
      'w2_zero_point',
    ]);
  });

  it('keeps a value that is captured by the branch of an If', async () => {
    const model = graphOf(`g (float[N, 2, 6, 6] x, bool which, ${WEIGHTS}) => (float[N, 4, 2, 2] y) {
      c1 = Conv (x, w1)
      t = If (which) <then_branch = t () => (float[N, 4, 4, 4] o) { o = Relu (c1) }, else_branch = e () => (float[N, 4, 4, 4] o2) { o2 = Neg (c1) }>
      d = Conv <pads = [1, 1, 1, 1]> (c1, w2)
      s = Add (d, t)
      y = Conv (s, w2)
    }`);
    const which = { type: 'bool', dims: [], data: Uint8Array.of(1) } as const;
    const { sqnr } = await quantized(model, 'static', [{ ...image(2), which }]);
    expect(sqnr.y).toBeGreaterThan(25);
  });

  it('keeps weights of zeros, and biases that would not fit into 32 bits', async () => {
    const model =
      graphOf(`g (float[N, 3] x) => (float[N, 3] y) <float[3, 3] w = {1e-9, 0, 1, 2e-9, 0, 1, 1e-9, 0, -1}, float[3] b = {1000, 0, 1}> {
      y = Gemm (x, w, b)
    }`);
    const x = { type: 'float32', dims: [2, 3], data: Float32Array.of(1, 2, 3, -1, 0, 1) } as const;
    expect((await quantized(model, 'static', [{ x }])).sqnr.y).toBeGreaterThan(60);
  });

  it('leaves a mask of -infinity in float', async () => {
    const model =
      graphOf(`g (float[N, 2, 4] x, float[4, 2] w1, float[2, 4] w2) => (float[N, 2, 4] y) <float[2] mask = {0, -inf}> {
      q = MatMul (x, w1)
      s = Add (q, mask)
      p = Softmax (s)
      y = MatMul (p, w2)
    }`);
    const x = { type: 'float32', dims: [2, 2, 4], data: noise([2, 2, 4], 3) } as const;
    const { model: result, sqnr } = await quantized(model, 'static', [{ x }]);
    expect(linesOf(result)).toContain('s = Add(q, mask)');
    expect(sqnr.y).toBeGreaterThan(25);
  });
});
