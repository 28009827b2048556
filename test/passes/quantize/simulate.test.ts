import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/ir/model.js';
import { Tensor } from '../../../src/ir/tensor.js';
import type { NamedValues } from '../../../src/ir/types.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { applyPlan, type Settings } from '../../../src/passes/quantize/apply.js';
import { prepareForQuantization } from '../../../src/passes/quantize/index.js';
import type { Treatment } from '../../../src/passes/quantize/plan.js';
import { simulatePlan, withLearnedRanges } from '../../../src/passes/quantize/simulate.js';
import { Session } from '../../../src/runtime/session.js';
import { graphOf, linesOf, noise, planFor, SETTINGS, statisticsOf } from './quantized.js';

const image = (batch: number, seed = 5): NamedValues => ({
  x: { type: 'float32', dims: [batch, 2, 6, 6], data: noise([batch, 2, 6, 6], seed) },
});

const residual = () =>
  graphOf(`g (float[N, 2, 6, 6] x, float[4, 2, 3, 3] w1, float[4] b1, float[4, 1, 3, 3] w2) => (float[N, 4, 4, 4] y) {
    c1 = Conv (x, w1, b1)
    r1 = Relu (c1)
    c2 = Conv <pads = [1, 1, 1, 1], group = 4> (r1, w2)
    s = Add (c2, r1)
    y = Relu (s)
  }`);

/** A plan carried out in integers and simulated, with logarithms by which the scales of values were changed. */
async function both(
  original: Model,
  treatment: Treatment,
  feeds: NamedValues,
  { learned = {}, ...settings }: Partial<Settings> & { learned?: Record<string, number> } = {},
) {
  const prepared = await prepareForQuantization(original);
  const plan = planFor(prepared, treatment);
  const facts = { isFloat32: prepared.isFloat32, statistics: await statisticsOf(prepared, treatment, [feeds]) };
  const all: Settings = { ...SETTINGS, ...settings };
  const { model: simulated, ranges } = await simulatePlan(prepared.model, plan, facts, all);
  const trained = new Map(
    ranges.map(({ name, value }) => [name, Tensor.from(name, 'float32', [1], [learned[value] ?? 0])]),
  );
  for (const [name, tensor] of trained) simulated.graph.initializers.set(name, tensor);
  const learnedFacts = withLearnedRanges(facts, ranges, trained, all);
  const integers = applyPlan(prepared.model, plan, learnedFacts, all);
  return { simulated, integers, ranges, statistics: learnedFacts.statistics };
}

/** Values of a model without ONNX Runtime's fusions, which on processors without VNNI would saturate. */
async function valuesOf(model: Model, feeds: NamedValues, ...names: string[]): Promise<Float32Array[]> {
  const shown = model.clone();
  shown.graph.outputs = names.map((name) => ({ name }));
  const session = await Session.create(encodeModel(shown), { threads: 1, optimization: 'disabled' });
  try {
    const values = await session.run(feeds);
    return names.map((name) => Float32Array.from(values[name]!.data as Float32Array));
  } finally {
    await session.release();
  }
}

const scaleOf = (model: Model, value: string) => model.graph.initializers.get(`${value}_scale`)!.toFloats()[0]!;

/** Numbers that are rounded at a tie may end a step apart; everything else is the same. */
function expectSameButForTies(simulated: Float32Array, integers: Float32Array, step: number): void {
  const differences = simulated.map((value, k) => Math.abs(value - integers[k]!));
  expect(Math.max(...differences)).toBeLessThan(1.01 * step);
  expect(differences.filter((difference) => difference > 1e-3 * step).length).toBeLessThan(0.02 * simulated.length);
}

describe('simulatePlan', () => {
  it('rounds what the quantized model rounds, with nodes and weights in float', async () => {
    const { simulated, ranges } = await both(residual(), 'static', image(2));
    expect(ranges.map(({ value }) => value)).toEqual(['x', 'r1', 'c2']);
    const lines = linesOf(simulated).filter((line) => !/^fake\/(Reshape|Exp|Mul|Abs|ReduceMax|Div|Max)/.test(line));
    expect(lines).toEqual([
      'x_quantized = QuantizeLinear(x, fake/Mul, x_zero_point)',
      'x_dequantized = DequantizeLinear(x_quantized, fake/Mul, x_zero_point)',
      'fake/QuantizeLinear = QuantizeLinear(w1, fake/Max, fake/constant)',
      'fake/DequantizeLinear = DequantizeLinear(fake/QuantizeLinear, fake/Max, fake/constant)',
      'c1 = Conv(x_dequantized, fake/DequantizeLinear, b1)',
      'r1 = Relu(c1)',
      'r1_quantized = QuantizeLinear(r1, fake/Mul_5, r1_zero_point)',
      'r1_dequantized = DequantizeLinear(r1_quantized, fake/Mul_5, r1_zero_point)',
      'fake/QuantizeLinear_10 = QuantizeLinear(w2, fake/Max_9, fake/constant)',
      'fake/DequantizeLinear_11 = DequantizeLinear(fake/QuantizeLinear_10, fake/Max_9, fake/constant)',
      'c2 = Conv(r1_dequantized, fake/DequantizeLinear_11)',
      'c2_quantized = QuantizeLinear(c2, fake/Mul_14, c2_zero_point)',
      'c2_dequantized = DequantizeLinear(c2_quantized, fake/Mul_14, c2_zero_point)',
      's = Add(c2_dequantized, r1_dequantized)',
      'y = Relu(s)',
    ]);
  });

  it('computes what the quantized model computes, whatever was learned', async () => {
    const logarithm = fc.double({ min: -0.5, max: 0.5, noNaN: true });
    await fc.assert(
      fc.asyncProperty(
        fc.record({ perChannel: fc.boolean(), reduceRange: fc.boolean(), symmetric: fc.boolean() }),
        fc.record({ x: logarithm, r1: logarithm, c2: logarithm }),
        fc.nat(1000),
        async (settings, learned, seed) => {
          const feeds = image(8, seed);
          const { simulated, integers } = await both(residual(), 'static', feeds, { ...settings, learned });
          const [[first, y], [same, z]] = [
            await valuesOf(simulated, feeds, 'r1_dequantized', 'y'),
            await valuesOf(integers, feeds, 'r1_dequantized', 'y'),
          ];
          expectSameButForTies(first!, same!, scaleOf(integers, 'r1'));
          expectSameButForTies(y!, z!, scaleOf(integers, 'r1') + 2 * scaleOf(integers, 'c2'));
        },
      ),
      { numRuns: 12 },
    );
  });

  it('keeps a range within the bounds of the Clip before it, so that this vanishes', async () => {
    const model = graphOf(`g (float[N, 2, 6, 6] x, float[4, 2, 3, 3] w1, float[4, 4, 3, 3] w2) => (float[N, 4, 2, 2] y)
      <float low = {-0.5}, float high = {0.75}> {
      c = Conv (x, w1)
      r = Clip (c, low, high)
      y = Conv (r, w2)
    }`);
    const grown = await both(model, 'static', image(4), { learned: { r: 0.2 } });
    expect(grown.statistics.get('r')!.high).toBeLessThan(0.75 + 1e-6);
    expect(grown.statistics.get('r')!.low).toBeGreaterThan(-0.5 - 1e-6);
    const shrunk = await both(model, 'static', image(4), { learned: { r: -0.2 } });
    expect(shrunk.statistics.get('r')!.high).toBeCloseTo(0.75 * Math.exp(-0.2), 2);
  });

  it('learns one range for values that share it, and none where the operator fixes it', async () => {
    const model =
      graphOf(`g (float[N, 2, 6, 6] x, float[2, 2, 3, 3] w1, float[2, 2, 2, 2] w2) => (float[N, 2, 1, 1] y) {
      c = Conv (x, w1)
      s = Sigmoid (c)
      p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (s)
      m = MaxPool <kernel_shape = [1, 1]> (c)
      d = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (m)
      a = Add (p, d)
      y = Conv (a, w2)
    }`);
    const { ranges, simulated } = await both(model, 'static', image(4));
    expect(ranges.map(({ value }) => value)).toEqual(['x', 'c', 'd', 'a', 'y']);
    const scales = linesOf(simulated).flatMap(
      (line) => /^(c|m)_quantized = QuantizeLinear\(\w+, (.*?),/.exec(line)?.[2] ?? [],
    );
    expect(new Set(scales).size).toBe(1);
  });

  it.each(['GRU', 'MatMul', 'Conv'])('rounds the stored weights of %s', async (op) => {
    const bodies: Record<string, [text: string, dims: number[]]> = {
      GRU: [
        `g (float[3, N, 2] x, float[2, 12, 2] w1, float[2, 12, 4] w2) => (float[3, 2, N, 4] y) {
          y = GRU <hidden_size = 4, direction = "bidirectional"> (x, w1, w2) }`,
        [3, 2, 2],
      ],
      MatMul: ['g (float[N, 3] x, float[3, 5] w1) => (float[N, 5] y) { y = MatMul (x, w1) }', [4, 3]],
      Conv: [
        'g (float[N, 2, 5] x, float[3, 2, 3] w1, float[3] b1) => (float[N, 3, 3] y) { y = Conv (x, w1, b1) }',
        [2, 2, 5],
      ],
    };
    const [text, dims] = bodies[op]!;
    const feeds: NamedValues = { x: { type: 'float32', dims, data: noise(dims, 3) } };
    const { simulated, integers, ranges } = await both(graphOf(text), 'int8-storage', feeds);
    expect(ranges).toEqual([]);
    const [[y], [z]] = [await valuesOf(simulated, feeds, 'y'), await valuesOf(integers, feeds, 'y')];
    expect([...y!]).toEqual([...z!].map((value) => expect.closeTo(value, 5)));
  });

  it.each([true, false])('rounds the weights of dynamic nodes (per channel: %s)', async (perChannel) => {
    const lstm = graphOf(`g (float[3, N, 2] x, float[2, 16, 2] w1, float[2, 16, 4] w2) => (float[3, 2, N, 4] y) {
      y = LSTM <hidden_size = 4, direction = "bidirectional"> (x, w1, w2) }`);
    const feeds: NamedValues = { x: { type: 'float32', dims: [3, 2, 2], data: noise([3, 2, 2], 3) } };
    const { simulated, integers } = await both(lstm, 'dynamic', feeds, { perChannel });
    const node = simulated.graph.nodes.find(({ op }) => op === 'LSTM')!;
    const [w1] = await valuesOf(simulated, feeds, node.inputs[1]!);
    const [int8, scale] = ['w1_int8', 'w1_scale'].map((name) => [
      ...integers.graph.initializers.get(name)!.toNumbers(),
    ]);
    // [directions, gates, inputs] here, [directions, inputs, gates] there.
    const expected = Array.from(w1!, (_, k) => {
      const [direction, gate, input] = [Math.floor(k / 32), Math.floor(k / 2) % 16, k % 2];
      return int8![direction * 32 + input * 16 + gate]! * scale![perChannel ? direction * 16 + gate : direction]!;
    });
    expect([...w1!]).toEqual(expected.map((value) => expect.closeTo(value, 5)));
  });
});
