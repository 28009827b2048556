import { afterEach, describe, expect, it } from 'vitest';
import type { NamedValues } from '../../../src/ir/types.js';
import type { TrainingGroup, TrainingState } from '../../../src/training/group.js';
import { classification } from '../../../src/training/objectives.js';
import { EMA } from '../../../src/training/optimizers.js';
import { type PipelineGroupOptions, TrainingPipeline } from '../../../src/training/pipeline/pipeline.js';
import { type PipelineOptions, planPipeline } from '../../../src/training/pipeline/plan.js';
import { prepareForTraining } from '../../../src/training/prepare.js';
import { Replicas } from '../../../src/training/replicas.js';
import { buildStepGraph } from '../../../src/training/step-graph.js';
import { tensorsOf } from '../../../src/training/weights.js';
import { graphOf } from '../../ops/gradients/check-gradient.js';
import { batchOf, convolutional, sgd } from '../toy.js';

const objective = classification({
  ...{ output: 'y', kind: 'single-label', probabilities: false },
  ...{ classes: 3, labelSmoothing: 0 },
});
const batches = [1, 2, 3].map((seed) => batchOf(seed === 3 ? 5 : 8, [1, 4, 4], 3, seed));

const open = new Set<TrainingGroup>();
afterEach(async () => {
  for (const group of open) await group.close();
  open.clear();
});

async function pipelineOf(
  text: string,
  given: Partial<PipelineOptions & PipelineGroupOptions> = {},
): Promise<TrainingPipeline> {
  const trainable = await prepareForTraining(graphOf(text));
  const rows = given.rows ?? 2;
  const typical = batchOf(rows, [1, 4, 4], 3, 1);
  const plan = await planPipeline(trainable, { stages: 2, objective, output: 'y', typical, ...given, rows });
  const made = await TrainingPipeline.create(plan, {
    ...{ optimizer: sgd, copies: 1, session: { threads: 1 } },
    ...given,
  });
  open.add(made);
  return made;
}

async function wholeOf(text: string, optimizer = sgd, state?: TrainingState): Promise<Replicas> {
  const graph = await buildStepGraph(await prepareForTraining(graphOf(text)), { objective });
  const made = await Replicas.create(graph, { optimizer, replicas: 1, session: { threads: 1 }, state });
  open.add(made);
  return made;
}

/** Losses of batches, each followed by an update, and the weights after them. */
async function run(group: TrainingGroup, feeds: readonly NamedValues[] = batches) {
  const settings = { learningRate: 0.1, update: true };
  const results = await Promise.all(feeds.map((batch, k) => group.step(batch, { ...settings, step: k + 1 })));
  const { parameters } = await group.snapshot();
  return { losses: results.map(({ loss }) => loss), weights: tensorsOf(group.layout, parameters) };
}

function expectAlike(found: Awaited<ReturnType<typeof run>>, expected: Awaited<ReturnType<typeof run>>): void {
  expect(found.losses.length).toBe(expected.losses.length);
  for (const [k, loss] of expected.losses.entries()) expect(found.losses[k]).toBeCloseTo(loss, 5);
  expect([...found.weights.keys()].sort()).toEqual([...expected.weights.keys()].sort());
  for (const [name, tensor] of expected.weights)
    for (const [k, value] of tensor.toFloats().entries())
      expect(found.weights.get(name)!.toFloats()[k]).toBeCloseTo(value, 5);
}

/** A skip connection that passes a stage, and a branch that no weight influences. */
const skipping = convolutional.replace(
  't = Tanh(d)',
  'u = Tanh(d) v = Sigmoid(u) w = Mul(v, d) axes = Constant<value_ints = [1, 2, 3]>() mean = ReduceMean(x, axes) flat = Flatten(mean) s = Add(w, d) t = Add(s, flat)',
);

describe('a pipeline trains as the whole model does', () => {
  it.each([
    ['2 stages, micro-batches of 2', convolutional, { stages: 2, rows: 2 }],
    ['3 stages, micro-batches of 1', convolutional, { stages: 3, rows: 1 }],
    ['a micro-batch that is not full', convolutional, { stages: 2, rows: 3 }],
    ['2 copies of 2 stages', convolutional, { stages: 2, rows: 2, copies: 2 }],
    ['skip connections', skipping, { stages: 4, rows: 4 }],
  ])('%s', async (_, text, options) => {
    expectAlike(await run(await pipelineOf(text, options)), await run(await wholeOf(text)));
  });

  it('with Adam and a moving average, from where it stood', async () => {
    const adam = { ...sgd, name: 'adamw' as const, weightDecay: 0.1, emaDecay: 0.5 };
    const expected = await wholeOf(convolutional, adam);
    await run(expected);
    const options = { optimizer: adam, stages: 3 };
    const first = await pipelineOf(convolutional, options);
    await run(first, batches.slice(0, 2));
    const second = await pipelineOf(convolutional, { ...options, state: await first.snapshot() });
    await second.step(batches[2]!, { learningRate: 0.1, step: 3, update: true });
    const [found, wanted] = [await second.snapshot(), await expected.snapshot()];
    const averages = [tensorsOf(second.layout, found.states[EMA]!), tensorsOf(expected.layout, wanted.states[EMA]!)];
    for (const [name, tensor] of averages[1]!)
      for (const [k, value] of tensor.toFloats().entries())
        expect(averages[0]!.get(name)!.toFloats()[k]).toBeCloseTo(value, 4);
  });

  it('with a limit on the norm of the gradient of all stages', async () => {
    const optimizer = { ...sgd, momentum: 0.9, maxGradientNorm: 0.05 };
    const found = await run(await pipelineOf(convolutional, { optimizer, stages: 3, copies: 2, rows: 1 }));
    expectAlike(found, await run(await wholeOf(convolutional, optimizer)));
  });

  it('from where copies stood, and copies from where it stood', async () => {
    const adam = { ...sgd, name: 'adamw' as const, epsilon: 1e-4, weightDecay: 0.1, emaDecay: 0.5 };
    const expected = await wholeOf(convolutional, adam);
    await run(expected);
    const whole = await expected.snapshot();
    const begun = await wholeOf(convolutional, adam);
    await run(begun, batches.slice(0, 1));
    const stages = await pipelineOf(convolutional, {
      optimizer: adam,
      stages: 3,
      copies: 2,
      state: await begun.snapshot(),
    });
    await stages.step(batches[1]!, { learningRate: 0.1, step: 2, update: true });
    const again = await wholeOf(convolutional, adam, await stages.snapshot());
    await again.step(batches[2]!, { learningRate: 0.1, step: 3, update: true });
    const found = await again.snapshot();
    for (const vectors of [
      (state: typeof whole) => state.parameters,
      (state: typeof whole) => state.states.variance!,
    ]) {
      const [a, b] = [found, whole].map((state) => tensorsOf(state.layout, vectors(state)));
      for (const [name, tensor] of b!)
        for (const [k, value] of tensor.toFloats().entries()) expect(a!.get(name)!.toFloats()[k]).toBeCloseTo(value, 5);
    }
  });

  it('gives the same bits each time', async () => {
    const [first, second] = [await pipelineOf(skipping, { stages: 3 }), await pipelineOf(skipping, { stages: 3 })];
    for (const group of [first, second]) await run(group);
    expect(await first.snapshot()).toEqual(await second.snapshot());
  });
});

describe('a pipeline', () => {
  it('ends where a stage fails, and tells what failed', async () => {
    const made = await pipelineOf(convolutional);
    const broken = { ...batches[0]!, x: { ...batches[0]!.x!, dims: [8, 1, 2, 8] } };
    await expect(made.step(broken, { learningRate: 0.1, step: 1, update: true })).rejects.toThrow(
      'input x has 2 elements along axis 2',
    );
    await expect(made.step(batches[0]!, { learningRate: 0.1, step: 1, update: true })).rejects.toThrow();
  });

  it('computes forward passes as its backward passes do', async () => {
    const recurrent = `f (float[n,1,4,4] x) => (float[n,3] y)
      <float[1,8,4] w = {${Array(32).fill(0.1)}}, float[1,8,2] r = {${Array(16).fill(0.2)}}, float[2,3] v = {${Array(6).fill(0.3)}}>
      { one = Constant<value_ints = [1]>() rows = Squeeze(x, one) steps = Transpose<perm = [1, 0, 2]>(rows)
        all, last = LSTM<hidden_size = 2>(steps, w, r) zero = Constant<value_ints = [0]>()
        h = Squeeze(last, zero) t = Tanh(h) y = MatMul(t, v) }`;
    const typical = batchOf(2, [1, 4, 4], 3, 1);
    const trainable = await prepareForTraining(graphOf(recurrent));
    const { stages } = await planPipeline(trainable, { stages: 2, objective, output: 'y', typical, rows: 2 });
    const graphs = stages.flatMap(({ forward, step }) => [forward, step?.model]).flatMap((model) => model?.graph ?? []);
    // The recurrent layer, in a forward and a backward pass, and its own backward pass.
    expect(graphs.map(({ nodes }) => nodes.filter(({ type }) => type === 'Scan').length)).toEqual([1, 2, 0]);
    expect(graphs.some(({ nodes }) => nodes.some(({ type }) => type === 'LSTM'))).toBe(false);
    expectAlike(await run(await pipelineOf(recurrent)), await run(await wholeOf(recurrent)));
  });

  it('keeps a weight that is used twice in one stage', async () => {
    const tied = `f (float[n,1,4,4] x) => (float[n,3] y) <float[16,16] w = {${Array(256).fill(0.1)}}, float[16,3] v = {${Array(48).fill(0.1)}}>
      { h = Flatten(x) a = MatMul(h, w) b = Tanh(a) c = MatMul(b, w) d = Tanh(c) y = MatMul(d, v) }`;
    const trainable = await prepareForTraining(graphOf(tied));
    const typical = batchOf(2, [1, 4, 4], 3, 1);
    const options = { objective, output: 'y', typical, rows: 2 };
    const { stages } = await planPipeline(trainable, { ...options, stages: 2 });
    expect(stages.map(({ step }) => step?.parameters.map(({ name }) => name))).toContainEqual(['w']);
    await expect(planPipeline(trainable, { ...options, stages: 9 })).rejects.toThrow(/at most \d stages/);
  });
});
