import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import type { Model } from '../../src/ir/model.js';
import { parseModel } from '../../src/onnx/text.js';
import { freezeParameters, prepareForTraining } from '../../src/training/prepare.js';
import { buildStepGraph } from '../../src/training/step-graph.js';

const parse = (text: string, opset = 18, irVersion = 8) =>
  parseModel(`<ir_version: ${irVersion}, opset_import: ["" : ${opset}]>\n${text}`);

const inputsOf = ({ graph }: Model) =>
  graph.inputs.map(({ name, type }) => [name, type?.kind === 'tensor' && type.shape]);

const mlp = `f (float[n,2] x) => (float[n,1] y)
  <float[2,3] w = {1,2,3,4,5,6}, float[3] b = {0,0,0}, float[3,1] v = {1,1,1}>
  { h = Gemm(x, w, b) r = Relu(h) y = MatMul(r, v) }`;

async function refusal(model: Model): Promise<string> {
  const error = await prepareForTraining(model).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe('prepareForTraining', () => {
  it('makes inputs of parameters and leaves the original as it is', async () => {
    const original = parse(mlp);
    const { model, parameters, facts } = await prepareForTraining(original);
    expect(parameters.map(({ name }) => name)).toEqual(['w', 'b', 'v']);
    expect(inputsOf(model)).toEqual([
      ['x', ['n', 2]],
      ['w', [2, 3]],
      ['b', [3]],
      ['v', [3, 1]],
    ]);
    expect([...model.graph.initializers.keys()]).toEqual([]);
    expect(facts.get('h')).toMatchObject({ type: 'float32', dims: ['n', 3] });
    expect([original.graph.inputs.length, original.graph.initializers.size]).toEqual([1, 3]);
  });

  it('keeps what is no parameter a constant, and folds what is computed from it', async () => {
    const { model } = await prepareForTraining(
      parse(`f (float[n,2] x) => (float[n,2] y) <float[2] mean = {1,2}, float two = {2}, float[2,2] w = {1,2,3,4}>
        { shift = Mul(mean, two) a = Sub(x, shift) y = MatMul(a, w) }`),
    );
    expect(model.graph.nodes.map(({ type }) => type)).toEqual(['Sub', 'MatMul']);
    const [constant] = model.graph.initializers.values();
    expect([...constant!.toNumbers()]).toEqual([2, 4]);
  });

  it('trains float weights behind fake quantization, straight through', async () => {
    const prepared = await prepareForTraining(
      parse(`f (float[n,2] x) => (float[n,1] y)
        <float[2,1] w = {1,2}, float s = {0.1}, int8 z = {0}, float t = {0.05}, uint8 u = {128}> {
          xq = QuantizeLinear(x, t, u)  xd = DequantizeLinear(xq, t, u)
          wq = QuantizeLinear(w, s, z)  wd = DequantizeLinear(wq, s, z)
          y = MatMul(xd, wd)
        }`),
    );
    expect(prepared.parameters.map(({ name }) => name)).toEqual(['w']);
    const { parameters } = await buildStepGraph(prepared, {
      objective: ({ g }) => g.op('ReduceSum', ['y'], { keepdims: 0 }),
    });
    expect(parameters.map(({ name }) => name)).toEqual(['w']);
  });

  it('keeps the names of weights in Constant nodes', async () => {
    const { model, parameters } = await prepareForTraining(
      parse('f (float[n,2] x) => (float[n,1] y) { w = Constant<value = float[2,1] {1,2}>() y = MatMul(x, w) }'),
    );
    expect(parameters.map(({ name }) => name)).toEqual(['w']);
    expect(inputsOf(model).map(([name]) => name)).toEqual(['x', 'w']);
    expect(model.graph.nodes.map(({ type }) => type)).toEqual(['MatMul']);
  });

  it('takes initializers that are inputs as well, in old models and new', async () => {
    const text = `f (float[n,2] x, float[2,1] w) => (float[n,1] y) <float[2,1] w = {1,2}> { y = MatMul(x, w) }`;
    for (const irVersion of [3, 8]) {
      const { model, parameters } = await prepareForTraining(parse(text, 9, irVersion));
      expect(parameters.map(({ name }) => name)).toEqual(['w']);
      expect(inputsOf(model).map(([name]) => name)).toEqual(['x', 'w']);
    }
  });

  it.each([
    [7, 18],
    [9, 18],
    [11, 18],
    [13, 18],
    [18, 18],
    [21, 21],
  ])('operator set %d becomes %d', async (before, after) => {
    const { model } = await prepareForTraining(parse(mlp, before));
    expect(model.opset).toBe(after);
    expect(inputsOf(model)).toHaveLength(4);
  });

  it('older forms of operators are rewritten', async () => {
    const { model } = await prepareForTraining(
      parse(
        `f (float[n,2,1] x) => (float[n,2] y) <float[2,2] w = {1,2,3,4}>
        { s = Squeeze<axes = [2]>(x) d = Dropout<ratio = 0.5>(s) m = MatMul(d, w) y = Softmax(m) }`,
        9,
      ),
    );
    expect(model.graph.nodes.find(({ type }) => type === 'Squeeze')!.inputs).toHaveLength(2);
  });
});

describe('models that cannot be trained are refused', () => {
  it('quantized weights, though their scales are floats', async () => {
    const text = `f (float[n,2] x) => (float[n,2] y)
      <int8[2,2] q = {1,2,3,4}, float[2] scales = {0.5,0.5}, int8[2] zeros = {0,0}, float[2] bias = {1,2}>
      { w = DequantizeLinear<axis = 0>(q, scales, zeros) a = MatMul(x, w) y = Add(a, bias) }`;
    expect(await refusal(parse(text))).toBe(
      'has quantized weights, which gradients do not reach; ' +
        'train the float model that it was made from, and quantize the result',
    );
  });

  it.each(['float16', 'double'])('%s weights', async (type) => {
    const text = `f (${type}[n,2] x) => (${type}[n,2] y) <${type}[2,2] w = {1,2,3,4}> { y = MatMul(x, w) }`;
    const name = type === 'double' ? 'float64' : type;
    expect(await refusal(parse(text))).toBe(`has ${name} weights; training needs float32; export it in float32`);
  });

  it('no weights at all', async () => {
    const text = 'f (float[n,2] x) => (float[n,2] y) <float two = {2}> { y = Mul(x, two) }';
    expect(await refusal(parse(text))).toBe('has no weights that could be trained; see nncompress inspect --gradients');
  });
});

describe('freezeParameters', () => {
  it('makes constants of some again', async () => {
    const prepared = await prepareForTraining(parse(mlp));
    const { model, parameters } = freezeParameters(prepared, ({ depth }) => depth < 1);
    expect(parameters.map(({ name }) => name)).toEqual(['v']);
    expect(inputsOf(model).map(([name]) => name)).toEqual(['x', 'v']);
    expect([...model.graph.initializers.get('w')!.toNumbers()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(inputsOf(prepared.model)).toHaveLength(4);
  });
});
