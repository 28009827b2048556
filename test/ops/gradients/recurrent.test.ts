import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { inferValueTypes, type ValueFacts } from '../../../src/analysis/value-types.js';
import type { Model } from '../../../src/ir/model.js';
import type { NamedValues, TensorValue } from '../../../src/ir/types.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { Session } from '../../../src/runtime/session.js';
import { differentiate } from '../../../src/training/differentiate.js';
import { checkGradient, floats, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

const [TIME, BATCH, INPUT, HIDDEN] = [4, 3, 2, 2];

const GATES: Readonly<Record<string, number>> = { LSTM: 4, GRU: 3, RNN: 1 };

/** What of a layer is there. */
interface Layer {
  directions?: number;
  attributes?: string;
  bias?: boolean;
  lengths?: readonly number[];
  initial?: boolean;
  outputs?: readonly string[];
}

/** A recurrent layer as a model with values for its inputs. */
function layer(op: string, options: Layer = {}) {
  const { directions = 1, attributes = '', bias = true, lengths, initial = true, outputs = ['Y'] } = options;
  const rows = GATES[op]! * HIDDEN;
  const states = op === 'LSTM' ? ['h', 'c'] : ['h'];
  const feeds: NamedValues = {
    x: randomFloats([TIME, BATCH, INPUT], 1),
    w: randomFloats([directions, rows, INPUT], 2, 0.7),
    r: randomFloats([directions, rows, HIDDEN], 3, 0.7),
    ...(bias && { b: randomFloats([directions, 2 * rows], 4, 0.5) }),
    ...(initial &&
      Object.fromEntries(states.map((name, k) => [name, randomFloats([directions, BATCH, HIDDEN], 5 + k)]))),
  };
  if (lengths) feeds.n = { type: 'int32', dims: [BATCH], data: Int32Array.from(lengths) };
  const optional = (name: string) => (name in feeds ? name : '""');
  const types: Readonly<Record<string, string>> = { x: 'float[t,n,2]', n: 'int32[n]' };
  const declared = Object.keys(feeds).map((name) => `${types[name] ?? `float[${feeds[name]!.dims}]`} ${name}`);
  const all = ['Y', 'Y_h', ...(op === 'LSTM' ? ['Y_c'] : [])];
  const produced = all.map((name) => (outputs.includes(name) ? name : '""'));
  const text = `f (${declared.join(', ')}) => (${outputs.map((name) => `float[${name === 'Y' ? 'a,' : ''}b,c,d] ${name}`).join(', ')})
    { ${produced.join(', ')} = ${op}<hidden_size = ${HIDDEN} ${attributes}>(x, w, r, ${['b', 'n', ...states].map(optional).join(', ')}) }`;
  return { model: graphOf(text), feeds };
}

async function check(op: string, options: Layer = {}): Promise<void> {
  const { model, feeds } = layer(op, options);
  await checkGradient(model, feeds, { step: 1e-3 });
}

describe.each([
  ['LSTM', ''],
  ['GRU', ', linear_before_reset = 1'],
  ['GRU', ''],
  ['RNN', ''],
  ['RNN', ', activations = ["Relu"]'],
])('%s%s', (op, attributes) => {
  test('all inputs, gradient of Y', () => check(op, { attributes }));

  test('without bias and initial states', () => check(op, { attributes, bias: false, initial: false }));

  test('gradients of all outputs', () =>
    check(op, { attributes, outputs: op === 'LSTM' ? ['Y', 'Y_h', 'Y_c'] : ['Y', 'Y_h'] }));

  test('gradient of the last state alone', () => check(op, { attributes, outputs: ['Y_h'] }));

  test('backwards', () => check(op, { attributes: `${attributes}, direction = "reverse"`, outputs: ['Y', 'Y_h'] }));

  test('sequences of different lengths', () => check(op, { attributes, lengths: [2, 4, 1], outputs: ['Y', 'Y_h'] }));

  test('sequences of different lengths, backwards', () =>
    check(op, { attributes: `${attributes}, direction = "reverse"`, lengths: [2, 4, 1], outputs: ['Y', 'Y_h'] }));
});

test.each(['LSTM', 'GRU', 'RNN'])('%s in both directions', async (op) => {
  await check(op, { directions: 2, attributes: ', direction = "bidirectional"', outputs: ['Y', 'Y_h'] });
  await check(op, { directions: 2, attributes: ', direction = "bidirectional"', lengths: [2, 4, 1], outputs: ['Y'] });
});

test('only the gradients that are wanted', async () => {
  const { model, feeds } = layer('LSTM');
  const gradients = await gradientsOf(model, feeds, { by: ['b', 'c'] });
  const all = await gradientsOf(model, feeds);
  expect(gradients).toEqual({ b: all.b, c: all.c });
});

test('one layer behind another', async () => {
  const weights = ['w', 'r', 'v', 's'].map((name) => `float[1,8,2] ${name}`).join(', ');
  const model = graphOf(`f (float[t,n,2] x, ${weights}) => (float[a,b,n,2] z) {
    y, last = LSTM<hidden_size = 2>(x, w, r)
    z = LSTM<hidden_size = 2>(last, v, s)
  }`);
  const matrix = (seed: number) => randomFloats([1, 8, 2], seed);
  const feeds = { x: randomFloats([3, 2, 2], 1), w: matrix(2), r: matrix(3), v: matrix(4), s: matrix(5) };
  await checkGradient(model, feeds);
});

describe('PyTorch', () => {
  type Values = Record<string, { dims: number[]; data: number[] }>;
  const recorded = JSON.parse(readFileSync(new URL('recorded-recurrent.json', import.meta.url), 'utf8')) as Record<
    string,
    { feeds: Values; outputs: Values; gradients: Values }
  >;

  test.each([
    ['LSTM', ''],
    ['GRU', ', linear_before_reset = 1'],
    ['RNN', ''],
  ])('%s in both directions over packed sequences: outputs and gradients', async (op, attributes) => {
    const { feeds, outputs, gradients } = recorded[op]!;
    const inputs = Object.entries(feeds).map(([name, { dims }]) => `float[${dims}] ${name}`);
    const names = Object.keys(outputs);
    const states = op === 'LSTM' ? 'h, c' : 'h';
    const model = graphOf(
      `f (${inputs.join(', ')}) => (${names.map((name) => `float[${outputs[name]!.dims}] ${name}`).join(', ')})
       <int32[3] lengths = {4, 2, 1}>
       { ${names.join(', ')} = ${op}<hidden_size = 2, direction = "bidirectional"${attributes}>(x, w, r, b, lengths, ${states}) }`,
    );
    const facts = await inferValueTypes(model);
    const targets = new Map(names.map((name) => [name, `d${name}`]));
    const found = differentiate(model, targets, Object.keys(gradients), { facts });
    model.graph.outputs.push(...[...found.values()].map((name) => ({ name })));
    const session = await Session.create(encodeModel(model), { threads: 1 });
    const results = await session.run(
      Object.fromEntries(Object.entries(feeds).map(([name, { dims, data }]) => [name, floats(dims, data)])),
    );
    const expectClose = (output: string, { dims, data }: Values[string]) => {
      expect(results[output]!.dims).toEqual(dims);
      for (const [k, value] of data.entries()) expect(Number(results[output]!.data[k])).toBeCloseTo(value, 3);
    };
    for (const name of names) expectClose(name, outputs[name]!);
    for (const [name, gradient] of found) expectClose(gradient, gradients[name]!);
    await session.release();
  });
});

test.each(['LSTM', 'GRU', 'RNN'])('%s with the batch first', async (op) => {
  const rows = GATES[op]! * HIDDEN;
  const weights = `float[1,${rows},2] w, float[1,${rows},2] r`;
  const timeFirst = graphOf(`f (float[2,3,2] x, ${weights}, float[1,3,2] h, float[2,1,3,2] dy, float[1,3,2] dh) =>
    (float[2,1,3,2] y, float[1,3,2] yh) { y, yh = ${op}<hidden_size = 2>(x, w, r, "", "", h) }`);
  const batchFirst = graphOf(`f (float[3,2,2] x, ${weights}, float[3,1,2] h, float[3,2,1,2] dy, float[3,1,2] dh) =>
    (float[3,2,1,2] y, float[3,1,2] yh) { y, yh = ${op}<hidden_size = 2, layout = 1>(x, w, r, "", "", h) }`);
  const swapped = ({ dims, data }: TensorValue): TensorValue => {
    const [first, second] = [dims[0]!, dims.at(-2)!];
    const columns = dims.at(-1)!;
    const moved = Array.from({ length: second * first * columns }, (_, place) => {
      const [b, t, c] = [Math.floor(place / columns / first), Math.floor(place / columns) % first, place % columns];
      return Number(data[(t * second + b) * columns + c]);
    });
    const rest = dims.length === 4 ? [second, first, 1, columns] : [second, first, columns];
    return floats(rest, moved);
  };
  const feeds = {
    x: randomFloats([2, 3, 2], 1),
    w: randomFloats([1, rows, 2], 2),
    r: randomFloats([1, rows, 2], 3),
    h: randomFloats([1, 3, 2], 4),
    dy: randomFloats([2, 1, 3, 2], 5),
    dh: randomFloats([1, 3, 2], 6),
  };
  const run = async (model: Model, values: NamedValues) => {
    // ONNX Runtime has no kernel for this layout, and so infers no types.
    const facts = new Map<string, ValueFacts>(Object.entries(values));
    const targets = new Map([
      ['y', 'dy'],
      ['yh', 'dh'],
    ]);
    const found = differentiate(model, targets, ['x', 'w', 'r', 'h'], { facts });
    model.graph.outputs = [...found.values(), 'y'].map((name) => ({ name }));
    const session = await Session.create(encodeModel(model), { threads: 1 });
    const results = await session.run(values);
    await session.release();
    return Object.fromEntries([...found, ['y', 'y']].map(([name, output]) => [name, results[output!]!]));
  };
  const expected = await run(timeFirst, feeds);
  const turned = { x: swapped(feeds.x), h: swapped(feeds.h), dy: swapped(feeds.dy), dh: swapped(feeds.dh) };
  const actual = await run(batchFirst, { ...feeds, ...turned });
  expect(actual.w).toEqual(expected.w);
  expect(actual.r).toEqual(expected.r);
  for (const name of ['x', 'h', 'y']) expect(actual[name]).toEqual(swapped(expected[name]!));
});

test.each([
  ['LSTM', ', clip = 3.0', 'it clips its gates'],
  ['LSTM', ', input_forget = 1', 'its input and forget gates are coupled'],
  ['GRU', ', activations = ["HardSigmoid", "Tanh"]', 'it has other activations than the usual ones'],
  ['RNN', ', activations = ["Softsign"]', 'Softsign in a recurrent cell has no gradient'],
])('%s with%s is refused', async (op, attributes, reason) => {
  const { model, feeds } = layer(op, { attributes });
  await expect(gradientsOf(model, feeds)).rejects.toThrow(reason);
});
