import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../src/commands/context.js';
import { libraryContext } from '../../src/commands/library-context.js';
import type { PruningMethod } from '../../src/commands/prune-method.js';
import { type PruningRun, pruneInSteps, type Train } from '../../src/commands/prune-steps.js';
import type { Trials } from '../../src/commands/prune-trials.js';
import type { Model } from '../../src/ir/model.js';
import { parseModel } from '../../src/onnx/text.js';

const original = parseModel(`<ir_version: 8, opset_import: ["": 17]> f (float[n,2] x) => (float[n,2] y)
  <float[2,2] w = {1,2,3,4}> { y = MatMul(x, w) }`);

/** How much of the way each model has gone, and whether it was trained. */
const shareOf = (model: Model) => Number(model.producer.replace('trained ', '') || 0);
const named = (model: Model, producer: string) => Object.assign(model.clone(), { producer });

/** Tells from which model it was asked to prune, and how far. */
function methodOf(levels = 16): PruningMethod & { calls: string[] } {
  const calls: string[] = [];
  return {
    importance: 'l2',
    levels,
    calls,
    async prune(model, share) {
      calls.push(`${model.producer || 'original'} to ${share}`);
      return { model: named(model, `${share}`), groups: [{ name: 'w', before: 4, after: 4 - 4 * share }], left: [] };
    },
  };
}

const train: Train = async (model, step) => ({
  ...{ model: named(model, `trained ${model.producer}`), parameters: new Float32Array(), samples: 1 },
  ...{ bestEpoch: 1, history: [], seconds: 1, workers: 1, stages: 1, work: [], weights: new Map(), step },
});

/** Test data on which a model loses as many points as it is pruned; training gives half of them back. */
const trialsTo = (limit: number) =>
  ({
    score: async (models: readonly Model[]) =>
      models.map((model) => {
        const drop = shareOf(model) * (model.producer.startsWith('trained') ? 0.05 : 0.1);
        return { accuracy: 0.9 - drop, drop, passes: drop <= limit };
      }),
  }) as unknown as Trials;

const notes: string[] = [];
const context: CommandContext = libraryContext({ onNote: (text) => notes.push(text) });

function run(given: Partial<PruningRun>) {
  const unset = { train: undefined, trials: undefined, options: {} };
  return pruneInSteps({ original, kind: 'channels', method: methodOf(), ...unset, context, ...given });
}

describe('pruneInSteps', () => {
  it('prunes at once where nothing else is asked for', async () => {
    const method = methodOf();
    const { steps, chosen } = await run({ method });
    expect(method.calls).toEqual(['original to 1']);
    expect(steps).toEqual([chosen]);
    expect(chosen.record).toMatchObject({ step: 1, macs: 1, parameters: 1 });
  });

  it('prunes what was trained after the step before', async () => {
    const method = methodOf();
    const { steps, chosen } = await run({ method, train, options: { steps: 2 } });
    expect(method.calls).toEqual(['original to 0.5', 'trained 0.5 to 1']);
    expect(steps).toHaveLength(2);
    expect(chosen.model.producer).toBe('trained 1');
    expect(chosen.pruned.model.producer).toBe('1');
  });

  it('prunes the original each time where nothing is trained, and tells what each step cost', async () => {
    const method = methodOf();
    const options = { steps: 2 };
    const { steps } = await run({ method, options, kind: 'weights', trials: trialsTo(1) });
    expect(method.calls).toEqual(['original to 0.5', 'original to 1']);
    expect(steps.map(({ record }) => [record.sparsity, record.accuracy])).toEqual([
      [0.5, 0.85],
      [1, 0.8],
    ]);
    expect(notes.at(-1)).toBe('step 2: 100.0 % zeros; accuracy 80.0 %');
  });

  it('keeps the last trained step that the gate allows, and goes no further', async () => {
    const method = methodOf();
    const options = { maxDrop: 0.03 };
    const { steps, chosen } = await run({ method, train, options, trials: trialsTo(0.03) });
    expect(method.calls.map((call) => call.split(' to ')[1])).toEqual(['0.25', '0.5', '0.75']);
    expect(steps.map(({ score }) => score!.passes)).toEqual([true, true, false]);
    expect(chosen).toBe(steps[1]);
    expect(chosen.record).toMatchObject({ accuracy: 0.85, trained: 0.875 });
  });

  it.each([
    [1, 16],
    [0.05, 8],
    [0.0301, 4],
    [0.0063, 1],
  ])('without training, finds the furthest of 16 levels that may lose %f', async (limit, level) => {
    const method = methodOf();
    const options = { maxDrop: limit };
    const { chosen, steps } = await run({ method, options, trials: trialsTo(limit) });
    expect(shareOf(chosen.model)).toBe(level / 16);
    expect(method.calls[0]).toBe('original to 1');
    expect(steps.length).toBeLessThanOrEqual(6);
  });

  it('takes what loses least where nothing is allowed', async () => {
    const options = { maxDrop: 0 };
    const { chosen } = await run({ options, trials: trialsTo(-1) });
    expect(shareOf(chosen.model)).toBe(1 / 16);
  });
});
