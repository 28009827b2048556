import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NamedValues } from '../../src/ir/types.js';
import type { TrainingState } from '../../src/training/group.js';
import { ROW_WEIGHTS } from '../../src/training/objectives.js';
import { EMA, type Optimizer } from '../../src/training/optimizers.js';
import { prepareForTraining } from '../../src/training/prepare.js';
import { type ReplicaOptions, Replicas } from '../../src/training/replicas.js';
import { buildStepGraph, type StepGraph } from '../../src/training/step-graph.js';
import { tensorsOf } from '../../src/training/weights.js';
import { floats, graphOf, int64s } from '../ops/gradients/check-gradient.js';
import { batchOf, classifier, convolutional, sgd } from './toy.js';

let graph: StepGraph;
beforeAll(async () => {
  graph = await classifier(convolutional, 3);
});

const open = new Set<Replicas>();
afterEach(async () => {
  for (const replicas of open) await replicas.close();
  open.clear();
});

async function replicasOf(count: number, options: Partial<ReplicaOptions> = {}, of = graph): Promise<Replicas> {
  const made = await Replicas.create(of, { optimizer: sgd, replicas: count, session: { threads: 1 }, ...options });
  open.add(made);
  return made;
}

/** Six batches, of 7 samples but for the last, which has one. */
const batches = [1, 2, 3, 4, 5, 6].map((seed) => batchOf(seed === 6 ? 1 : 7, [1, 4, 4], 3, seed));

/** Runs batches, with an update after each. */
async function run(replicas: Replicas, feeds: readonly NamedValues[] = batches, learningRate = 0.1, done = 0) {
  const results = feeds.map((batch, k) => replicas.step(batch, { learningRate, step: done + k + 1, update: true }));
  const losses = (await Promise.all(results)).map(({ loss }) => loss);
  return { losses, state: await replicas.snapshot() };
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-6): void {
  expect(found.length).toBe(expected.length);
  const worst = Array.from(found).reduce((most, value, k) => Math.max(most, Math.abs(value - expected[k]!)), 0);
  expect(worst).toBeLessThan(tolerance);
}

function expectSameState(found: TrainingState, expected: TrainingState): void {
  expectClose(found.parameters, expected.parameters);
  expect(Object.keys(found.states)).toEqual(Object.keys(expected.states));
  for (const [name, vector] of Object.entries(expected.states)) expectClose(found.states[name]!, vector);
}

describe('zeros that are to stay', () => {
  const text = convolutional.replace(
    /(float\[8,2\] first = \{)[^}]*/,
    `$1${'0,0.5,-0.2,0,0.1,0,0,0.3,'.repeat(2).slice(0, -1)}`,
  );

  it.each<[string, Partial<Optimizer>]>([
    ['SGD', { momentum: 0.9, nesterov: true, weightDecay: 0.1 }],
    ['Adam', { name: 'adam', weightDecay: 0.1, emaDecay: 0.5 }],
    ['AdamW', { name: 'adamw', weightDecay: 0.1, maxGradientNorm: 0.5 }],
  ])('stay under %s on two replicas', async (_, settings) => {
    const pruned = await classifier(text, 3, true);
    const replicas = await replicasOf(2, { optimizer: { ...sgd, ...settings } }, pruned);
    const { state } = await run(replicas, batches, 0.01);
    const weights = tensorsOf(replicas.layout, state.parameters).get('first')!.toFloats();
    const signs = [0, 1, -1, 0, 1, 0, 0, 1];
    expect([...weights].map(Math.sign)).toEqual([...signs, ...signs]);
    expect(weights[1]).not.toBeCloseTo(0.5, 4);
  });
});

describe('several replicas give what one gives', () => {
  it.each<[string, Partial<Optimizer>, number]>([
    ['SGD', {}, 2],
    [
      'SGD with everything',
      { momentum: 0.9, nesterov: true, weightDecay: 0.1, maxGradientNorm: 0.5, emaDecay: 0.9 },
      3,
    ],
    ['AdamW with clipping', { name: 'adamw', epsilon: 1e-4, weightDecay: 0.1, maxGradientNorm: 0.5 }, 2],
    ['Adam with an average', { name: 'adam', epsilon: 1e-4, emaDecay: 0.5 }, 4],
  ])('%s', async (_, settings, count) => {
    const options = { optimizer: { ...sgd, ...settings } };
    const one = await run(await replicasOf(1, options));
    const several = await run(await replicasOf(count, options));
    expectClose(several.losses, one.losses);
    expectSameState(several.state, one.state);
    expect(one.state.parameters.some((value, k) => Math.abs(value - initial()[k]!) > 1e-2)).toBe(true);
  });

  const initial = () => graph.parameters.flatMap(({ tensor }) => [...tensor.toFloats()]);

  it('more replicas than parameters', async () => {
    const tiny = await classifier(
      `f (float[n,2] x) => (float[n,2] y) <float[2] w = {1,-1}> { r = Relu(x) y = Mul(r, w) }`,
      2,
    );
    const feeds = [batchOf(5, [2], 2, 1), batchOf(3, [2], 2, 2)];
    const one = await run(await replicasOf(1, {}, tiny), feeds);
    const four = await run(await replicasOf(4, {}, tiny), feeds);
    expectClose(four.state.parameters, one.state.parameters);
  });
});

describe('a step', () => {
  it('takes the learning rate times the gradient, scaled by the factor of each parameter', async () => {
    // The gradient of cross-entropy at equal scores is (1/2, −1/2) for class 1.
    const layer = await classifier(
      'f (float[n,2] x) => (float[n,2] y) <float[2] b = {0,0}> { r = Relu(x) y = Add(r, b) }',
      2,
    );
    const x = { ...batchOf(4, [2], 1, 1), x: floats([4, 2], [1, 1, 1, 1, 1, 1, 1, 1]) }; // all of class 0
    const replicas = await replicasOf(1, { rateOf: () => 0.5 }, layer);
    const { loss } = await replicas.step(x, { learningRate: 0.2, step: 1, update: true });
    expect(loss).toBeCloseTo(Math.log(2), 6);
    expectClose((await replicas.snapshot()).parameters, [0.05, -0.05]);
  });

  it('decays weights of layers alone, and rates follow parameters whatever their order', async () => {
    const rateOf = ({ depth }: { depth: number }) => 0.5 ** (2 - depth);
    const options = { optimizer: { ...sgd, weightDecay: 0.1 }, rateOf };
    const still = batchOf(4, [1, 4, 4], 3, 1, 0); // rows without weight: no gradient
    const replicas = await replicasOf(2, options);
    const { state } = await run(replicas, [still], 1);
    const found = tensorsOf(replicas.layout, state.parameters);
    for (const { name, tensor, decays, depth } of graph.parameters)
      expectClose(
        found.get(name)!.toFloats(),
        tensor.toFloats().map((value) => (decays ? value * (1 - 0.1 * 0.5 ** (2 - depth)) : value)),
      );
  });

  it('tells the norm of the gradient where it is clipped, and clips it', async () => {
    const [batch] = batches;
    const free = await run(await replicasOf(1), [batch!], 1);
    const start = (await (await replicasOf(1)).snapshot()).parameters;
    const gradient = start.map((value, k) => value - free.state.parameters[k]!);
    const norm = Math.hypot(...gradient);
    for (const count of [1, 2]) {
      const replicas = await replicasOf(count, { optimizer: { ...sgd, maxGradientNorm: norm / 4 } });
      const { gradientNorm } = await replicas.step(batch!, { learningRate: 1, step: 1, update: true });
      expect(gradientNorm).toBeCloseTo(norm, 5);
      const { parameters } = await replicas.snapshot();
      expectClose(
        parameters,
        start.map((value, k) => value - gradient[k]! / 4),
      );
    }
  });

  it('is skipped where the loss is no number', async () => {
    const bad = { ...batches[0]!, x: floats([7, 1, 4, 4], Array(112).fill(Number.NaN)) };
    const replicas = await replicasOf(2);
    const before = await replicas.snapshot();
    const { loss } = await replicas.step(bad, { learningRate: 0.1, step: 1, update: true });
    expect(loss).toBeNaN();
    expect(await replicas.snapshot()).toEqual(before);
  });
});

describe('accumulation', () => {
  const rowsOf = (batch: NamedValues, begin: number, end: number): NamedValues =>
    Object.fromEntries(
      Object.entries(batch).map(
        ([
          name,
          {
            type,
            dims: [rows, ...dims],
            data,
          },
        ]) => {
          const step = data.length / rows!;
          return [name, { type, dims: [end - begin, ...dims], data: data.slice(begin * step, end * step) }];
        },
      ),
    );

  it.each([1, 2])('two batches of 4 are one of 8: %d replicas', async (count) => {
    const whole = batchOf(8, [1, 4, 4], 3, 5);
    const half = (begin: number): NamedValues => ({
      ...rowsOf(whole, begin, begin + 4),
      [ROW_WEIGHTS]: floats([4], Array(4).fill(1 / 4)),
    });
    const options = { optimizer: { ...sgd, momentum: 0.9, maxGradientNorm: 1 } };
    const at = { learningRate: 0.1, step: 1 };
    const parts = await replicasOf(count, options);
    for (let step = 1; step <= 2; step++) {
      await parts.step(half(0), { ...at, step, update: false });
      await parts.step(half(4), { ...at, step, update: true });
    }
    const once = await run(await replicasOf(1, options), [whole, whole]);
    expectSameState(await parts.snapshot(), once.state);
  });

  it('three batches make an update, and the next one starts afresh', async () => {
    const at = { learningRate: 0.1, step: 1 };
    const [a, b, c, d] = batches as [NamedValues, NamedValues, NamedValues, NamedValues];
    const movesOf = async (feeds: readonly NamedValues[]) => {
      const replicas = await replicasOf(1);
      const { parameters } = await replicas.snapshot();
      for (const [k, batch] of feeds.entries()) await replicas.step(batch, { ...at, update: k === feeds.length - 1 });
      const after = await replicas.snapshot();
      return { replicas, moves: after.parameters.map((value, k) => value - parameters[k]!), after };
    };
    const single = await Promise.all([a, b, c].map(async (batch) => (await movesOf([batch])).moves));
    const { replicas, moves, after } = await movesOf([a, b, c]);
    expectClose(
      moves,
      moves.map((_, k) => (single[0]![k]! + single[1]![k]! + single[2]![k]!) / 3),
    );
    await replicas.step(d, { ...at, update: true });
    const fresh = await replicasOf(1, { state: after });
    await fresh.step(d, { ...at, update: true });
    expect(await replicas.snapshot()).toEqual(await fresh.snapshot());
  });

  it('moves nothing before the update', async () => {
    const replicas = await replicasOf(1);
    const before = await replicas.snapshot();
    await replicas.step(batches[0]!, { learningRate: 0.1, step: 1, update: false });
    expect(await replicas.snapshot()).toEqual(before);
  });
});

describe('snapshots', () => {
  it('begin as the model, with the average where it is', async () => {
    const replicas = await replicasOf(2, { optimizer: { ...sgd, name: 'adam', emaDecay: 0.9 } });
    const { parameters, states } = await replicas.snapshot();
    const zeros = new Float32Array(parameters.length);
    expect(states).toEqual({ mean: zeros, variance: zeros, [EMA]: parameters });
    const found = tensorsOf(replicas.layout, parameters);
    for (const { name, tensor } of graph.parameters)
      expect([...found.get(name)!.toFloats()]).toEqual([...tensor.toFloats()]);
  });

  it.each([1, 2])('let a run go on bit by bit: %d replicas', async (count) => {
    const optimizer = { ...sgd, name: 'adamw' as const, weightDecay: 0.01, emaDecay: 0.9 };
    const whole = await run(await replicasOf(count, { optimizer }));
    const begun = await run(await replicasOf(count, { optimizer }), batches.slice(0, 3));
    const resumed = await replicasOf(count, { optimizer, state: begun.state });
    expect((await run(resumed, batches.slice(3), 0.1, 3)).state).toEqual(whole.state);
  });

  it.each([
    [1, 3],
    [3, 2],
  ])('let another number go on: %d replicas, then %d', async (before, after) => {
    const optimizer = { ...sgd, name: 'adamw' as const, epsilon: 1e-4, weightDecay: 0.01, emaDecay: 0.9 };
    const whole = await run(await replicasOf(before, { optimizer }));
    const begun = await run(await replicasOf(before, { optimizer }), batches.slice(0, 3));
    const resumed = await replicasOf(after, { optimizer, state: begun.state });
    expectSameState((await run(resumed, batches.slice(3), 0.1, 3)).state, whole.state);
    expect(await resumed.weights()).toEqual((await resumed.snapshot()).states[EMA]);
  });
});

describe('running statistics', () => {
  it('move to their next value whatever the optimizer does, on average over the replicas', async () => {
    const model = graphOf(`f (float[n,1] x) => (float[n,1] y)
      <float[1] s = {2}, float[1] b = {0}, float[1] mean = {10}, float[1] variance = {1}>
      { y = BatchNormalization<momentum = 0.5>(x, s, b, mean, variance) }`);
    const normalizing = await buildStepGraph(await prepareForTraining(model), {
      objective: ({ g }) => g.op('ReduceSum', ['y'], { keepdims: 0 }),
      batchStatistics: true,
    });
    const x = floats([4, 1], [1, 3, 5, 7]);
    for (const [count, expected] of [
      [1, [10 * 0.5 + 4 * 0.5, 0.5 + 0.5 * (20 / 3)]],
      [2, [10 * 0.5 + 4 * 0.5, 0.5 + 0.5 * 2]], // each sees the variance of two samples
    ] as const) {
      const optimizer = { ...sgd, maxGradientNorm: 1e-3, emaDecay: 0.9, weightDecay: 0.1 };
      const replicas = await replicasOf(count, { optimizer }, normalizing);
      await replicas.step({ x }, { learningRate: 0, step: 1, update: true });
      const { parameters, states } = await replicas.snapshot();
      for (const vector of [parameters, states[EMA]!]) {
        const found = tensorsOf(replicas.layout, vector);
        const numbers = ['mean', 'variance'].map((name) => found.get(name)!.toFloats()[0]!);
        expectClose(numbers, expected, 1e-5);
      }
    }
  });
});

describe('failures', () => {
  it('a batch that does not fit is told, and the threads end', async () => {
    for (const count of [1, 2]) {
      const replicas = await replicasOf(count);
      const step = { learningRate: 0.1, step: 1, update: true };
      const bad = { ...batches[0]!, x: floats([7, 1, 2, 2], Array(28).fill(0)) };
      const calls = [replicas.step(batches[0]!, step), replicas.step(bad, step), replicas.step(batches[0]!, step)];
      const [first, second] = await Promise.allSettled(calls);
      expect(first!.status).toBe('fulfilled');
      expect(second).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(/\bx\b/) } });
      await replicas.close();
    }
  });

  it('where one replica alone fails, the others do not wait for it, now or later', async () => {
    const table = await classifier(
      'f (int64[n] x) => (float[n,2] y) <float[3,2] w = {1,2,3,4,5,6}> { y = Gather(w, x) }',
      2,
    );
    const replicas = await replicasOf(2, {}, table);
    const step = { learningRate: 0.1, step: 1, update: true };
    const batch = (ids: number[]) => ({ ...batchOf(4, [], 2, 1), x: int64s([4], ids) });
    const calls = [
      [0, 1, 2, 0],
      [0, 1, 2, 99],
      [0, 1, 2, 0],
    ].map((ids) => replicas.step(batch(ids), step));
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(results[1]).toMatchObject({
      reason: { message: expect.stringMatching(/indices element out of data bounds/) },
    });
    await replicas.close();
  });
});
