import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/ir/model.js';
import type { Tensor } from '../../../src/ir/tensor.js';
import { parseModel } from '../../../src/onnx/text.js';
import { foldBatchNorm } from '../../../src/passes/cleanup/fold-batch-norm.js';
import { Random } from './random-weights.js';
import { outputsOf, problemAfter } from './same-outputs.js';

const FOLDED: Record<
  string,
  { x: number[]; w: number[]; channels: number; inputs?: number; nodes: string; left: string[] }
> = {
  'Conv, one axis': { x: [2, 3, 9], w: [4, 3, 2], channels: 4, nodes: 'c = Conv (x, w) y = BN (c)', left: ['Conv'] },
  'Conv, grouped, with bias': {
    x: [1, 4, 6, 6],
    w: [6, 2, 3, 3],
    channels: 6,
    nodes: 'c = Conv <group = 2, pads = [1, 1, 1, 1]> (x, w, b) y = BN (c)',
    left: ['Conv'],
  },
  'Conv, three axes': {
    x: [1, 2, 4, 4, 4],
    w: [3, 2, 2, 2, 2],
    channels: 3,
    nodes: 'c = Conv (x, w, b) y = BN (c)',
    left: ['Conv'],
  },
  'ConvTranspose, grouped': {
    x: [1, 4, 5, 5],
    w: [4, 3, 2, 2],
    channels: 6,
    nodes: 'c = ConvTranspose <group = 2, strides = [2, 2]> (x, w, b) y = BN (c)',
    left: ['ConvTranspose'],
  },
  'Gemm with factors': {
    x: [2, 5],
    w: [5, 3],
    channels: 3,
    nodes: 'c = Gemm <alpha = 0.5, beta = 3.0> (x, w, b) y = BN (c)',
    left: ['Gemm'],
  },
  'Gemm, transposed': {
    x: [2, 5],
    w: [3, 5],
    channels: 3,
    nodes: 'c = Gemm <transB = 1> (x, w, b) y = BN (c)',
    left: ['Gemm'],
  },
  'MatMul and Add': {
    x: [2, 5],
    w: [5, 3],
    channels: 3,
    nodes: 'm = MatMul (x, w) c = Add (b, m) y = BN (c)',
    left: ['MatMul', 'Add'],
  },
  'arithmetic per channel behind a Conv': {
    x: [1, 2, 5, 5],
    w: [3, 2, 2, 2],
    channels: 3,
    nodes: 'c = Conv (x, w) d = Mul (c, column) e = Add (column, d) f = Div (e, column) y = Sub (two, f)',
    left: ['Conv'],
  },
  'BatchNormalization before an unpadded Conv': {
    x: [1, 4, 6, 6],
    w: [6, 2, 3, 3],
    channels: 4,
    nodes: 'c = BN (x) y = Conv <group = 2> (c, w)',
    left: ['Conv'],
  },
};

const KEPT: Record<string, { x: number[]; w: number[]; channels: number; nodes: string }> = {
  'before a padded Conv': {
    x: [1, 4, 6, 6],
    w: [6, 4, 3, 3],
    channels: 4,
    nodes: 'c = BN (x) y = Conv <pads = [1, 1, 1, 1]> (c, w)',
  },
  'behind a Conv whose result is used elsewhere': {
    x: [1, 2, 5, 5],
    w: [3, 2, 2, 2],
    channels: 3,
    nodes: 'c = Conv (x, w) n = BN (c) y = Add (n, c)',
  },
  'behind a MatMul over more dimensions': {
    x: [2, 3, 5],
    w: [5, 3],
    channels: 3,
    nodes: 'c = MatMul (x, w) y = BN (c)',
  },
};

function modelOf({ x, w, channels, nodes }: { x: number[]; w: number[]; channels: number; nodes: string }): Model {
  const text = nodes.replaceAll(/BN \((\w)\)/g, 'BatchNormalization ($1, gamma, beta, mean, variance)');
  const model = parseModel(
    `<ir_version: 8, opset_import: ["": 15]> g (float[${x}] x) => (float y) { ${text.replaceAll(/\) (?=\w)/g, ')\n')} }`,
    { check: false },
  );
  const random = new Random(7);
  const constants: Record<string, number[]> = {
    w,
    b: [channels],
    gamma: [channels],
    beta: [channels],
    mean: [channels],
  };
  for (const [name, dims] of Object.entries({ ...constants, variance: [channels], column: [channels, 1, 1], two: [] }))
    model.graph.initializers.set(name, random.positive(name, dims));
  return model;
}

const feeds = (x: number[]) => ({ x: new Random(1).positive('x', x).toValue() });
const types = (model: Model) => model.graph.nodes.map((node) => node.type);

describe('fold-batch-norm', () => {
  it.each(Object.entries(FOLDED))('folds %s', async (_, spec) => {
    const model = modelOf(spec);
    const expected = await outputsOf(model, feeds(spec.x));
    expect(await problemAfter([foldBatchNorm], model, feeds(spec.x), expected)).toBeUndefined();
    await foldBatchNorm.run(model);
    expect(types(model)).toEqual(spec.left);
  });

  it.each(Object.entries(KEPT))('keeps a normalization %s', async (_, spec) => {
    const model = modelOf(spec);
    expect(await foldBatchNorm.run(model)).toEqual({ changed: 0 });
  });

  it('leaves a shared weight to the other layer', async () => {
    const model = modelOf({
      x: [1, 2, 5, 5],
      w: [3, 2, 2, 2],
      channels: 3,
      nodes: 'c = Conv (x, w) n = BN (c) d = Conv (x, w) y = Add (n, d)',
    });
    const before = model.graph.initializers.get('w') as Tensor;
    const expected = await outputsOf(model, feeds([1, 2, 5, 5]));
    expect(await problemAfter([foldBatchNorm], model, feeds([1, 2, 5, 5]), expected)).toBeUndefined();
    await foldBatchNorm.run(model);
    expect(types(model)).toEqual(['Conv', 'Conv', 'Add']);
    expect(model.graph.initializers.get('w')).toBe(before);
  });
});
