import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import type { TrainingBatch } from '../../src/training/group.js';
import type { Optimizer } from '../../src/training/optimizers.js';
import { type ReplicaOptions, Replicas } from '../../src/training/replicas.js';
import type { StepGraph } from '../../src/training/step-graph.js';
import { resumeRun, type TrainerOptions, train, type Validation } from '../../src/training/trainer.js';
import { scratch } from '../data/scratch.js';
import { floats } from '../ops/gradients/check-gradient.js';
import { batchOf, classifier, sgd } from './toy.js';

const place = scratch();

let graph: StepGraph;
beforeAll(async () => {
  const text =
    'f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,0,0,1}, float[2] b = {0,0}> { y = Gemm(x, w, b) }';
  graph = await classifier(text, 2);
});

const open = new Set<Replicas>();
const close = async () => {
  for (const replicas of open) await replicas.close();
  open.clear();
};
afterEach(close);
afterAll(close);

async function replicasOf(
  optimizer: Partial<Optimizer> = {},
  options: Partial<ReplicaOptions> = {},
): Promise<Replicas> {
  const settings = { optimizer: { ...sgd, ...optimizer }, replicas: 1, session: { threads: 1 }, ...options };
  const made = await Replicas.create(graph, settings);
  open.add(made);
  return made;
}

/** Batches of an epoch, different ones in each, as a function of the epoch alone. */
async function* batches(epoch: number, skip: number): AsyncGenerator<TrainingBatch> {
  for (let batch = skip; batch < 5; batch++) yield { feeds: batchOf(4, [2], 2, 100 * epoch + batch) };
}

/** Validation whose score of each epoch is given. */
function scoring(scores: readonly number[]): (parameters: Float32Array) => Promise<Validation> {
  let epoch = 0;
  return async () => ({ score: scores[epoch++]!, figures: {} });
}

const options = (own: Partial<TrainerOptions>): TrainerOptions => ({
  epochs: 3,
  stepsPerEpoch: 5,
  learningRate: 0.1,
  schedule: { name: 'constant', warmupSteps: 0, totalSteps: 15 },
  accumulate: 1,
  batches,
  validate: scoring([0, 1, 2, 3, 4, 5, 6]),
  ...own,
});

describe('train', () => {
  it('goes through epochs of batches and keeps a learning curve', async () => {
    const seen: string[] = [];
    let rows = 0;
    const { history, samples, bestEpoch, stopped, seconds } = await train(
      await replicasOf(),
      options({
        validate: async ([first]) => ({ score: seen.length, figures: { first: Math.sign(first!) } }),
        onEpoch: ({ epoch }) => seen.push(`epoch ${epoch}`),
        onStep: (count) => {
          rows += count;
        },
      }),
    );
    expect(seen).toEqual(['epoch 0', 'epoch 1', 'epoch 2', 'epoch 3']);
    expect([rows, samples, bestEpoch, stopped]).toEqual([60, 60, 3, undefined]);
    expect(seconds).toBeGreaterThan(0);
    expect(history.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3]);
    expect(Object.keys(history[0]!)).toEqual(['epoch', 'first']);
    expect(Object.keys(history[1]!)).toEqual(['epoch', 'loss', 'first']);
  });

  it('the loss of an epoch is the mean over its rows', async () => {
    const uneven = async function* () {
      yield { feeds: batchOf(4, [2], 2, 1) };
      yield { feeds: batchOf(2, [2], 2, 2) };
    };
    const replicas = await replicasOf();
    const losses: number[] = [];
    for await (const { feeds } of uneven())
      losses.push((await replicas.step(feeds, { learningRate: 0, step: 1, update: true })).loss);
    const { history } = await train(
      replicas,
      options({ epochs: 1, stepsPerEpoch: 2, learningRate: 0, batches: uneven }),
    );
    expect(history[1]!.loss).toBeCloseTo((4 * losses[0]! + 2 * losses[1]!) / 6, 6);
  });

  it('keeps the best epoch, the first of equals', async () => {
    const seen: Float32Array[] = [];
    const scores = [0.1, 0.5, 0.9, 0.9, 0.2];
    const { bestEpoch, parameters } = await train(
      await replicasOf(),
      options({
        epochs: 4,
        validate: async (vector) => ({ score: scores[seen.push(vector.slice()) - 1]!, figures: {} }),
      }),
    );
    expect(bestEpoch).toBe(2);
    expect(parameters).toEqual(seen[2]);
    expect(parameters).not.toEqual(seen[3]);
  });

  it('keeps the model as it came where no epoch was better', async () => {
    const replicas = await replicasOf();
    const { parameters: start } = await replicas.snapshot();
    const { bestEpoch, parameters } = await train(replicas, options({ validate: scoring([1, 0, 0.5, 1]) }));
    expect([bestEpoch, parameters]).toEqual([0, start]);
  });

  it('any epoch is better than a model whose score is no number, and none is kept whose is not', async () => {
    const { bestEpoch } = await train(
      await replicasOf(),
      options({ validate: scoring([Number.NaN, -5, Number.NaN, -6]) }),
    );
    expect(bestEpoch).toBe(1);
  });

  it('ends when patience does', async () => {
    const scores = [0, 0.5, 0.4, 0.6, 0.5, 0.6, 0.9];
    const run = options({ epochs: 6, patience: 2, validate: scoring(scores) });
    const { history, bestEpoch, stopped } = await train(await replicasOf(), run);
    expect([history.length - 1, bestEpoch, stopped]).toEqual([5, 3, 'no better score for 2 epochs']);
  });

  it('validates the moving average where there is one', async () => {
    const replicas = await replicasOf({ emaDecay: 0.9 });
    const seen: Float32Array[] = [];
    await train(
      replicas,
      options({
        epochs: 1,
        validate: async (vector) => ({ score: seen.push(vector.slice()), figures: {} }),
      }),
    );
    const { states, parameters } = await replicas.snapshot();
    expect(seen[1]).toEqual(states.average);
    expect(seen[1]).not.toEqual(parameters);
  });

  it('updates after so many batches, and after the last of an epoch', async () => {
    const seen: [update: boolean, step: number, rate: number][] = [];
    const replicas = await replicasOf();
    const step = replicas.step.bind(replicas);
    replicas.step = (feeds, settings) => {
      seen.push([settings.update, settings.step, settings.learningRate]);
      return step(feeds, settings);
    };
    const schedule = { name: 'linear', warmupSteps: 0, totalSteps: 4 } as const;
    await train(replicas, options({ epochs: 1, accumulate: 2, learningRate: 1, schedule }));
    expect(seen).toEqual([
      [false, 1, 1],
      [true, 1, 1],
      [false, 2, 0.75],
      [true, 2, 0.75],
      [true, 3, 0.5],
    ]);
  });
});

describe('divergence', () => {
  /** Batches of which one, in one epoch, makes the loss no number. */
  const diverging = (at: number, batch: number) =>
    async function* (epoch: number, skip: number) {
      for await (const [k, { feeds }] of numbered(batches(epoch, skip))) {
        const bad = { ...feeds, x: floats([4, 2], Array(8).fill(Number.NaN)) };
        yield { feeds: epoch === at && k === batch ? bad : feeds };
      }
    };
  async function* numbered<T>(items: AsyncIterable<T>): AsyncGenerator<[number, T]> {
    let k = 0;
    for await (const item of items) yield [k++, item];
  }

  it('ends the run, and the best epoch before is kept', async () => {
    const seen: Float32Array[] = [];
    const run = options({
      batches: diverging(2, 3),
      validate: async (vector) => ({ score: seen.push(vector.slice()), figures: {} }),
    });
    const { bestEpoch, parameters, stopped, history } = await train(await replicasOf(), run);
    expect([bestEpoch, history.length, seen.length]).toEqual([1, 2, 2]);
    expect(parameters).toEqual(seen[1]);
    expect(stopped).toBe(
      'the loss was no longer a number at epoch 2, batch 4; the weights of epoch 1 are kept: ' +
        'try a lower --lr, --warmup or --clip-norm 1',
    );
  });

  it.each([
    ['in the first epoch', diverging(1, 0), [0, 1]],
    ['where no epoch was better', diverging(2, 4), [1, 0]],
  ])('is a mistake %s', async (_, of, scores) => {
    const run = train(await replicasOf(), options({ batches: of, validate: scoring(scores) }));
    const error = await run.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(
      /^the loss was no longer a number at epoch \d, batch \d, and no epoch before was better than the model as it came/,
    );
  });

  it('is in no checkpoint, though the batches after it were sent already', async () => {
    const path = place('diverged', '');
    const checkpoint = { path, fingerprint: 'toy', interval: 0 };
    const run = options({ batches: diverging(2, 2), accumulate: 2, checkpoint });
    await train(await replicasOf({ momentum: 0.9 }), run);
    const { state, best } = await resumeRun(checkpoint);
    for (const vector of [state.parameters, best, ...Object.values(state.states)])
      expect(vector.every(Number.isFinite)).toBe(true);
  });
});

describe('a run that was interrupted', () => {
  const optimizer: Partial<Optimizer> = { name: 'adamw', weightDecay: 0.01, emaDecay: 0.9 };
  const settings = (path: string, own: Partial<TrainerOptions> = {}) =>
    options({
      learningRate: 0.05,
      schedule: { name: 'cosine', warmupSteps: 2, totalSteps: 9 },
      accumulate: 2,
      validate: async (vector) => ({ score: -Math.abs(vector[0]! - 1.05), figures: { first: vector[0]! } }),
      checkpoint: { path, fingerprint: 'toy', interval: 0 },
      ...own,
    });

  /** The batches until one is reached, where the run ends as if it had been killed. */
  const until = (last: number) =>
    async function* (epoch: number, skip: number) {
      let done = 5 * (epoch - 1) + skip;
      for await (const one of batches(epoch, skip)) {
        if (done++ === last) throw new Error('interrupted');
        yield one;
      }
    };

  it('goes on wherever it was, and ends with the very same weights', async () => {
    const whole = await train(await replicasOf(optimizer), settings(place('whole', '')));
    const property = fc.asyncProperty(fc.integer({ min: 2, max: 14 }), async (last) => {
      const run = settings(place(`cut-${last}`, ''));
      await expect(train(await replicasOf(optimizer), { ...run, batches: until(last) })).rejects.toThrow('interrupted');
      const resumed = await resumeRun(run.checkpoint!);
      const result = await train(await replicasOf(optimizer, { state: resumed.state }), run, resumed);
      expect({ ...result, seconds: 0, work: [] }).toEqual({ ...whole, seconds: 0, work: [] });
      await close();
    });
    await fc.assert(property, { numRuns: 6, examples: [[2], [5], [14]] });
  });

  it('and again after its end, when there is nothing left to do', async () => {
    const run = settings(place('ended', ''));
    const whole = await train(await replicasOf(optimizer), run);
    const resumed = await resumeRun(run.checkpoint!);
    const again = await train(await replicasOf(optimizer, { state: resumed.state }), run, resumed);
    expect(again).toEqual({ ...whole, work: [] });
  });

  it('refuses a checkpoint of another run', async () => {
    const run = settings(place('other', ''), { epochs: 1 });
    await train(await replicasOf(optimizer), run);
    await expect(resumeRun({ ...run.checkpoint!, fingerprint: 'another' })).rejects.toThrow(
      'was left by a run with another model, other data or other options',
    );
  });
});
