import { describe, expect, it } from 'vitest';
import { checkHasNoExits, formOf, watchExits } from '../../src/commands/adaptive-file.js';
import type { Model } from '../../src/ir/model.js';
import { withExits } from '../../src/passes/exits/design.js';
import { computeSame } from '../../src/passes/same-computation.js';
import { parse, run } from '../passes/exits/run.js';

const PLAIN = `f (float[n,2] x) => (float[n,2] y) <float[2,2] one = {1,0,0,1}, float[2,2] less = {-1,0,0,-1}>
  { a = MatMul(x, one) y = MatMul(a, less) }`;

const adaptive = (threshold: number): Promise<Model> =>
  withExits(parse(PLAIN), {
    ...{ output: 'y', macs: 8, costs: [0.5, 1], thresholds: [threshold], measure: 'margin' as const },
    form: { kind: 'single-label', probabilities: false, width: 2 },
    exits: [
      { name: 'early', scores: 'a', temperature: 1 },
      { name: 'last', scores: 'y', temperature: 1 },
    ],
  });

const FEEDS = { x: { type: 'float32' as const, dims: [3, 2], data: Float32Array.of(0, 9, 1, 1, 8, 0) } };

describe('a file with exits', () => {
  it('is changed as one model without branches, and written with them', async () => {
    const model = await adaptive(0.5);
    const form = await formOf(model);
    expect(form.isFlat).toBe(true);
    expect(form.model.graph.nodes.map(({ op }) => op)).toEqual(['MatMul', 'MatMul']);
    expect(computeSame(await form.finish(form.model), model)).toBe(true);
    const plain = parse(PLAIN);
    const own = await formOf(plain);
    expect(own.model).toBe(plain);
    expect(await own.finish(plain)).toBe(plain);
  });

  it('is watched beside any other', async () => {
    const models = [parse(PLAIN), await adaptive(0.5)];
    const { watches, onOutputs } = watchExits(models);
    onOutputs([await run(models[0]!, FEEDS), await run(models[1]!, FEEDS)]);
    expect(watches[0]).toBeUndefined();
    // Two of three samples leave early.
    expect(watches[1]!.macs).toBeCloseTo((8 * (0.5 + 0.5 + 1)) / 3, 9);
  });

  it('is refused where nothing would change behind the exits', async () => {
    const bench = { path: 'adaptive.onnx', model: await adaptive(0.5) };
    expect(() => checkHasNoExits(bench, 'prune')).toThrow(
      'adaptive.onnx: samples leave it early, and prune changes nothing behind its exits; take the model that exits were added to, and add them to the result',
    );
    expect(() => checkHasNoExits({ ...bench, model: parse(PLAIN) }, 'prune')).not.toThrow();
  });
});
