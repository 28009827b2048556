import { describe, expect, it, test } from 'vitest';
import { Emitter } from '../../src/ir/emitter.js';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import {
  type ClassificationObjective,
  classification,
  logitsOf,
  minimizingEntropy,
  ROW_WEIGHTS,
  TARGETS,
} from '../../src/training/objectives.js';
import { prepareForTraining } from '../../src/training/prepare.js';
import { buildStepGraph } from '../../src/training/step-graph.js';
import { floats, graphOf, int64s } from '../ops/gradients/check-gradient.js';

const settings: ClassificationObjective = {
  output: 'y',
  kind: 'single-label',
  probabilities: false,
  classes: 2,
  labelSmoothing: 0,
};

describe('logitsOf gives the scores before softmax or sigmoid', () => {
  test.each([
    ['y = Softmax(z)', true, 'z'],
    ['y = Sigmoid(z)', true, 'z'],
    ['y = LogSoftmax(z)', false, 'z'],
    ['p = Softmax(z) y = Identity(p)', true, 'z'],
    ['p = Softmax<axis = 1>(z) y = Flatten(p)', true, 'z'],
    [
      's = Constant<value_float = 0.01>() p = Softmax(z) q = QuantizeLinear(p, s) y = DequantizeLinear(q, s)',
      true,
      'z',
    ],
    ['y = Relu(z)', false, 'y'],
    ['y = Identity(z)', false, 'y'],
  ])('%s', (ending, probabilities, logits) => {
    const model = graphOf(`f (float[n,2] x) => (float[n,2] y) { z = Neg(x) ${ending} }`);
    const nodes = model.graph.nodes.length;
    expect(logitsOf(new Emitter(model, 'loss'), model, { ...settings, probabilities })).toBe(logits);
    expect(model.graph.nodes).toHaveLength(nodes);
  });

  test.each([
    ['single-label', [Math.log(0.2), Math.log(0.8), Math.log(1e-7), 0]],
    ['multi-label', [Math.log(0.2 / 0.8), Math.log(0.8 / 0.2), Math.log(1e-7), -Math.log(1e-7)]],
  ] as const)('or logarithms of probabilities that something else computed: %s', async (kind, expected) => {
    const model = graphOf('f (float[n,2] x) => (float[n,2] y) { y = Abs(x) }');
    const logits = logitsOf(new Emitter(model, 'loss'), model, { ...settings, kind, probabilities: true });
    model.graph.outputs = [{ name: logits }];
    const session = await Session.create(encodeModel(model), { threads: 1 });
    const results = await session.run({ x: floats([2, 2], [0.2, 0.8, 0, 1]) });
    await session.release();
    const found = [...(results[logits]!.data as Float32Array)];
    for (const [k, value] of expected.entries()) expect(found[k]).toBeCloseTo(value, 1);
  });
});

/** The loss of a batch of two samples and its gradient by the weight of the last layer. */
async function lossOf(
  text: string,
  options: Partial<ClassificationObjective>,
  feeds: NamedValues,
  rows = [0.5, 0.5],
  objective = classification({ ...settings, ...options }),
) {
  const trainable = await prepareForTraining(graphOf(text));
  const { model, loss, parameters } = await buildStepGraph(trainable, { objective });
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const weights = Object.fromEntries(parameters.map(({ name, tensor }) => [name, tensor.toValue()]));
  const results = await session.run({ ...feeds, ...weights, [ROW_WEIGHTS]: floats([2], rows) });
  await session.release();
  const gradient = [...(results[parameters[0]!.gradient]!.data as Float32Array)];
  return { loss: Number(results[loss]!.data[0]), gradient };
}

describe('classification', () => {
  const x = floats([2, 2], [1, 0, 0, 1]);
  const softmax = (scores: number[]) => {
    const powers = scores.map(Math.exp);
    return powers.map((power) => power / powers.reduce((a, b) => a + b));
  };
  // The logits of the two samples are the rows of the weight.
  const layer = (ending: string) => `f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,2,3,-1}>
    { z = MatMul(x, w) ${ending} }`;
  const expected = {
    loss: -(Math.log(softmax([1, 2])[1]!) + Math.log(softmax([3, -1])[0]!)) / 2,
    gradient: [softmax([1, 2])[0]!, softmax([1, 2])[1]! - 1, softmax([3, -1])[0]! - 1, softmax([3, -1])[1]!].map(
      (value) => value / 2,
    ),
  };

  function expectClose(found: { loss: number; gradient: number[] }, { loss, gradient } = expected): void {
    expect(found.loss).toBeCloseTo(loss, 5);
    for (const [k, value] of gradient.entries()) expect(found.gradient[k]).toBeCloseTo(value, 5);
  }

  it.each([
    ['y = Identity(z)', false],
    ['y = Softmax(z)', true],
    ['y = LogSoftmax(z)', false],
    ['e = Exp(z) s = ReduceSum<keepdims = 1>(e, axes) y = Div(e, s)', true],
  ])('cross-entropy of one label, whatever the model ends in: %s', async (ending, probabilities) => {
    const text = layer(ending).replace('<float', '<int64[1] axes = {1}, float');
    expectClose(await lossOf(text, { probabilities }, { x, [TARGETS]: int64s([2], [1, 0]) }));
  });

  it('scores with axes of size 1 behind the classes', async () => {
    const text = `f (float[n,2,1,1] x) => (float[n,2,1,1] y) <float[2,2,1,1] w = {1,3,2,-1}>
      { z = Conv(x, w) y = Softmax<axis = 1>(z) }`;
    const image = { x: floats([2, 2, 1, 1], [1, 0, 0, 1]), [TARGETS]: int64s([2], [1, 0]) };
    const found = await lossOf(text, { probabilities: true }, image);
    const [a, b, c, d] = expected.gradient as [number, number, number, number];
    expectClose(found, { loss: expected.loss, gradient: [a, c, b, d] });
  });

  it('several labels: binary cross-entropy, averaged over them', async () => {
    const feeds = { x, [TARGETS]: floats([2, 2], [0, 1, 1, 1]) };
    const each = [Math.log1p(Math.exp(1)), Math.log1p(Math.exp(-2)), Math.log1p(Math.exp(-3)), Math.log1p(Math.exp(1))];
    const { loss } = await lossOf(layer('y = Sigmoid(z)'), { kind: 'multi-label', probabilities: true }, feeds);
    expect(loss).toBeCloseTo(each.reduce((a, b) => a + b) / 4, 5);
  });

  it.each(['float[n,1]', 'float[n]'])('one score for two classes: %s', async (type) => {
    const flat = type === 'float[n]' ? 'y = Squeeze(z, axes)' : 'y = Identity(z)';
    const text = `f (float[n,2] x) => (${type} y) <int64[1] axes = {1}, float[2,1] w = {2,-1}> { z = MatMul(x, w) ${flat} }`;
    const { loss } = await lossOf(text, { kind: 'binary' }, { x, [TARGETS]: floats([2, 1], [1, 0]) });
    expect(loss).toBeCloseTo((Math.log1p(Math.exp(-2)) + Math.log1p(Math.exp(-1))) / 2, 5);
  });

  it('rows of weight 0 only fill the batch', async () => {
    const feeds = { x, [TARGETS]: int64s([2], [1, 0]) };
    const { loss, gradient } = await lossOf(layer('y = Identity(z)'), {}, feeds, [1, 0]);
    expect(loss).toBeCloseTo(-Math.log(softmax([1, 2])[1]!), 5);
    expect(gradient.slice(2)).toEqual([0, 0]);
  });
});

describe('minimizingEntropy', () => {
  const layer = (ending: string) => `f (float[n,2] x) => (float[n,3] y) <float[2,3] w = {2,-1,0.5,0,3,-2}>
    { z = MatMul(x, w) ${ending} }`;
  const x = floats([2, 2], [1, 0, 0, 1]);
  const lossFor = (ending: string, kind: ClassificationObjective['kind'], diversity: number, rows?: number[]) => {
    const probabilities = ending !== 'y = Identity(z)';
    return lossOf(layer(ending), {}, { x }, rows, minimizingEntropy({ output: 'y', kind, probabilities, diversity }));
  };

  it('is the mean entropy, less that of the mean prediction', async () => {
    const { loss } = await lossFor('y = Identity(z)', 'single-label', 0);
    expect(loss).toBeCloseTo((0.6215846 + 0.2282428) / 2, 5);
    expect((await lossFor('y = Softmax(z)', 'single-label', 1)).loss).toBeCloseTo(0.4249137 - 0.9314312, 5);
  });

  it('decides labels one by one', async () => {
    const { loss } = await lossFor('y = Sigmoid(z)', 'multi-label', 0);
    expect(loss).toBeCloseTo((0.5367948 + 0.4164487) / 2, 5);
    expect((await lossFor('y = Sigmoid(z)', 'multi-label', 1)).loss).toBeLessThan(0);
  });

  it('leaves out rows that only fill the batch', async () => {
    const { loss, gradient } = await lossFor('y = Identity(z)', 'single-label', 1, [1, 0]);
    expect(loss).toBeCloseTo(0, 5);
    expect(gradient.slice(3)).toEqual([0, 0, 0]);
  });
});
