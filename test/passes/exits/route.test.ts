import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/ir/model.js';
import type { NamedValues } from '../../../src/ir/types.js';
import { routeByConfidence } from '../../../src/passes/exits/route.js';
import type { Exit } from '../../../src/passes/exits/stages.js';
import { numbers, parse, run } from './run.js';

/** Three exits; an input is its own scores at the first, ten times that at the second, negated at the last. */
const CHAIN = `f (float[n,2] x) => (float[n,2] y)
  <float[2,2] one = {1,0,0,1}, float[2,2] ten = {10,0,0,10}, float[2,2] less = {-1,0,0,-1}>
  { a = MatMul(x, one) b = MatMul(a, ten) y = MatMul(b, less) }`;
const EXITS = [exit('a'), exit('b'), exit('y')];

function exit(scores: string): Exit {
  return { name: scores, scores, temperature: 1 };
}

async function routed(graph: string, exits: readonly Exit[], thresholds: readonly number[]): Promise<Model> {
  const model = parse(graph);
  const form = { kind: 'single-label', probabilities: false, width: 2 } as const;
  await routeByConfidence(model, exits, 'y', { form, measure: 'margin', thresholds });
  return model;
}

const rows = (...data: number[][]): NamedValues => ({
  x: { type: 'float32', dims: [data.length, data[0]!.length], data: Float32Array.from(data.flat()) },
});

// Margins: sure at once, sure after the second, never sure.
const MIXED = rows([0, 9], [0.1, 0], [0, 0.5], [7, 0], [0, 0]);

describe('routeByConfidence', () => {
  it('lets each sample leave where it is sure enough, whatever the others do', async () => {
    const results = await run(await routed(CHAIN, EXITS, [0.1, 0.2]), MIXED);
    expect(numbers(results, 'exit')).toEqual([0, 2, 1, 0, 2]);
    expect(numbers(results, 'y').map((value) => Number(value.toFixed(4)) + 0)).toEqual([
      ...[0, 9],
      ...[-1, 0],
      ...[0, 5],
      ...[7, 0],
      ...[0, 0],
    ]);
  });

  it('gives the last exit at a threshold of 0 and the first at 1, to the bit', async () => {
    const whole = await run(parse(CHAIN), MIXED);
    const last = await run(await routed(CHAIN, EXITS, [0, 0]), MIXED);
    expect(numbers(last, 'y')).toEqual(numbers(whole, 'y'));
    expect(numbers(last, 'exit')).toEqual([2, 2, 2, 2, 2]);
    const first = await run(await routed(CHAIN, EXITS, [1, 1]), MIXED);
    expect(numbers(first, 'y')).toEqual(Array.from(MIXED.x!.data as Float32Array));
    expect(numbers(first, 'exit')).toEqual([0, 0, 0, 0, 0]);
  });

  it('gives a batch what it gives each row', async () => {
    const model = await routed(CHAIN, EXITS, [0.3, 0.3]);
    const all = await run(model, MIXED);
    for (let row = 0; row < 5; row++) {
      const data = (MIXED.x!.data as Float32Array).slice(2 * row, 2 * row + 2);
      const single = await run(model, { x: { type: 'float32', dims: [1, 2], data } });
      expect(numbers(single, 'y')).toEqual(numbers(all, 'y').slice(2 * row, 2 * row + 2));
      expect(numbers(single, 'exit')).toEqual([numbers(all, 'exit')[row]]);
    }
  });

  it('has the thresholds as an input that may be left out', async () => {
    const { graph } = await routed(CHAIN, EXITS, [0.25, 0.5]);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x', 'threshold']);
    expect([...graph.initializers.get('threshold')!.toNumbers()]).toEqual([0.25, 0.5]);
  });

  it('keeps what follows an exit, constants too, inside the branch', async () => {
    const { graph } = await routed(CHAIN, EXITS, [0.5, 0.5]);
    expect(graph.initializers.has('one')).toBe(true);
    expect(graph.initializers.has('ten')).toBe(false);
    const [branch] = graph.nodes.find(({ type }) => type === 'If')!.subgraphs();
    expect(branch!.initializers.has('ten')).toBe(true);
    const [inner] = branch!.nodes.find(({ type }) => type === 'If')!.subgraphs();
    expect(inner!.initializers.has('less')).toBe(true);
  });

  it('a sample whose scores are no numbers goes on to the end', async () => {
    const results = await run(await routed(CHAIN, EXITS, [0.9, 0.9]), rows([Number.NaN, 0], [0, 9]));
    expect(numbers(results, 'exit')).toEqual([2, 0]);
  });

  it('counts the samples anew where a shape is computed from them', async () => {
    const graph = `f (float[n,2] x) => (float[n,2] y)
      <float[2,2] one = {1,0,0,1}, float[2,2] less = {-1,0,0,-1}, int64[1] axis = {0}, int64[1] two = {2}, int64[2] wide = {1,2},
       int64 zero = {0}, int64 step = {1}>
      {
        a = MatMul(x, one)
        s = Shape(x)
        rows = Gather<axis = 0>(s, zero)
        many = Unsqueeze(rows, axis)
        form = Concat<axis = 0>(many, two)
        i = Range(zero, rows, step)
        b = MatMul(a, less)
        c = Reshape(b, form)
        y = Gather<axis = 0>(c, i)
      }`;
    const results = await run(await routed(graph, [exit('a'), exit('y')], [0.1]), MIXED);
    expect(numbers(results, 'exit')).toEqual([0, 1, 1, 0, 1]);
    expect(numbers(results, 'y').map((value) => Number(value.toFixed(1)) + 0)).toEqual([
      0, 9, -0.1, 0, 0, -0.5, 7, 0, 0, 0,
    ]);
  });

  it('gathers values whose samples do not lie on the first axis', async () => {
    const graph = `f (float[n,2] x) => (float[n,2] y) <float[2,2] one = {1,0,0,1}, float[2,2] less = {-1,0,0,-1}>
      { a = MatMul(x, one) t = Transpose(a) u = MatMul(less, t) y = Transpose(u) }`;
    const results = await run(await routed(graph, [exit('a'), exit('y')], [0.1]), rows([0, 9], [1, 2]));
    expect(numbers(results, 'y')).toEqual([0, 9, -1, -2]);
  });

  it('hands quantized values on as integers', async () => {
    const graph = `f (float[n,2] x) => (float[n,2] y)
      <float[2,2] one = {1,0,0,1}, float[2,2] less = {-1,0,0,-1}, float scale = {0.5}, uint8 zero = {0}>
      {
        a = MatMul(x, one)
        q = QuantizeLinear(a, scale, zero)
        d = DequantizeLinear(q, scale, zero)
        y = MatMul(d, less)
      }`;
    const model = await routed(graph, [exit('d'), exit('y')], [0.1]);
    expect(numbers(await run(model, MIXED), 'exit')).toEqual([0, 1, 1, 0, 1]);
    const [branch] = model.graph.nodes.find(({ type }) => type === 'If')!.subgraphs();
    expect(branch!.nodes.slice(0, 2).map(({ type, inputs }) => [type, inputs[0]!.replace(/.*\//, '')])).toEqual([
      ['Compress', 'q'],
      ['DequantizeLinear', 'Compress'],
    ]);
  });

  it('works where the model takes one sample', async () => {
    const model = await routed(CHAIN.replaceAll('float[n,2]', 'float[1,2]'), EXITS, [0.1, 0.2]);
    expect(numbers(await run(model, rows([0, 9])), 'exit')).toEqual([0]);
    expect(numbers(await run(model, rows([0.1, 0])), 'exit')).toEqual([2]);
  });

  it('refuses a model that takes several samples at a time, or mixes them', async () => {
    await expect(routed(CHAIN.replaceAll('float[n,2]', 'float[4,2]'), EXITS, [0.5, 0.5])).rejects.toThrow(
      'takes 4 samples at a time',
    );
    const mixing = `f (float[n,2] x) => (float[n,2] y)
      { t = Transpose(x) q = MatMul(t, x) a = MatMul(x, q) y = MatMul(a, q) }`;
    await expect(routed(mixing, [exit('a'), exit('y')], [0.5])).rejects.toThrow(
      'node q (MatMul): the samples of a batch cannot be told apart in the value q',
    );
  });

  it('takes scores of 16 bits', async () => {
    const graph = `f (float[n,2] x) => (float16[n,2] y) <float[2,2] one = {1,0,0,1}>
      { a = MatMul(x, one) h = Cast<to = 10>(a) b = MatMul(a, one) y = Cast<to = 10>(b) }`;
    const model = await routed(graph, [exit('h'), exit('y')], [0.1]);
    expect(numbers(await run(model, MIXED), 'exit')).toEqual([0, 1, 1, 0, 1]);
  });

  it('leaves the name of the input free where the model has one of its own', async () => {
    const graph = CHAIN.replaceAll('one', 'threshold');
    const model = await routed(graph, EXITS, [0.5, 0.5]);
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x', 'threshold_1']);
    expect(model.graph.initializers.has('threshold_1')).toBe(true);
  });
});
