import { describe, expect, it } from 'vitest';
import { measureCost } from '../../src/analysis/cost.js';
import type { ExitPlace, FeatureLayout } from '../../src/passes/exits/places.js';
import { type ExitFeatures, emitFeatures, type TokenMask } from '../../src/students/exit-features.js';
import { buildHeads, headFor } from '../../src/students/exit-heads.js';
import { numbers, parse, run } from '../passes/exits/run.js';

/** What a head sees of x. */
async function seen(shape: string, layout: FeatureLayout, feeds: Record<string, number[]>, mask?: TokenMask) {
  const inputs = mask ? `float[${shape}] x, int64[n,t] m` : `float[${shape}] x`;
  const model = parse(`f (${inputs}) => (float[${shape}] x2) { x2 = Identity(x) }`);
  const place: ExitPlace = { value: 'x', type: 'float32', share: 0.5, layout };
  const { value, sizes } = emitFeatures(model, place, 'exit', mask);
  model.graph.outputs = [{ name: value }];
  const dims = shape.split(',').map((size) => Number(size) || (size === 'n' ? 2 : 3));
  const tensors = {
    x: { type: 'float32' as const, dims, data: Float32Array.from(feeds.x!) },
    ...(feeds.m && { m: { type: 'int64' as const, dims: [2, 3], data: BigInt64Array.from(feeds.m, BigInt) } }),
  };
  return { values: numbers(await run(model, tensors), value), sizes };
}

describe('emitFeatures', () => {
  const x = [1, 2, 3, 4, 9, 9, 5, 6, 0, 0, 0, 0];
  const means = [2, 3, 3, 4, 5, 6, 5, 6];

  it('takes the mean and the largest of each feature of a sequence, padding left out', async () => {
    const layout = { kind: 'sequence', width: 2, rank: 3, rowAxis: 0 } as const;
    const m = [1, 1, 0, 1, 0, 0];
    expect(await seen('n,t,2', layout, { x, m }, { mask: 'm' })).toEqual({ values: means, sizes: [4] });
    const ids = [7, 8, 0, 9, 0, 0];
    expect((await seen('n,t,2', layout, { x, m: ids }, { ids: 'm', padding: 0 })).values).toEqual(means);
    const all = (await seen('n,t,2', layout, { x })).values.map((value) => Number(value.toFixed(3)));
    expect(all).toEqual([4.333, 5, 9, 9, 1.667, 2, 5, 6]);
  });

  it('turns a sequence whose samples are on the second axis', async () => {
    const layout = { kind: 'sequence', width: 1, rank: 3, rowAxis: 1 } as const;
    expect((await seen('t,n,1', layout, { x: [1, 10, 2, 20, 3, 60] })).values).toEqual([2, 3, 30, 60]);
  });

  it('averages large maps down, and leaves others as they are', async () => {
    const map = (...sizes: (number | undefined)[]) => ({ kind: 'map', channels: 1, sizes }) as const;
    const long = Array.from({ length: 600 }, (_, k) => k);
    const { values, sizes } = await seen('1,1,600', map(600), { x: long });
    expect([sizes, values.slice(0, 2)]).toEqual([
      [1, 200],
      [1, 4],
    ]);
    expect((await seen('1,1,2', map(2), { x: [1, 2] })).sizes).toEqual([1, 2]);
    expect((await seen('1,1,t', map(undefined), { x: [1, 2, 6] })).values).toEqual([3, 6]);
  });
});

describe('headFor', () => {
  const features = (...sizes: number[]): ExitFeatures => ({ value: 'x', sizes });
  const about = async (sizes: number[], budget: number) =>
    (await headFor('exit_1', features(...sizes), { outputs: 10, budget, opset: 18 })).about;

  it('is the one that sees most within a budget', async () => {
    expect(await about([32, 14, 14], 2e6)).toBe('two convolutions');
    expect(await about([32, 14, 14], 3e5)).toBe('two separable convolutions');
    expect(await about([32, 14, 14], 1e3)).toBe('a dense layer');
    expect(await about([384], 1e6)).toBe('a dense layer');
  });

  it('gives scores of maps of one and of two axes, several heads side by side', async () => {
    const spec = { outputs: 3, budget: 1e9, opset: 18 };
    const heads = await Promise.all(
      [[4, 9], [4, 6, 5], [4, 1, 1], [7]].map((sizes, k) => headFor(`exit_${k}`, features(...sizes), spec)),
    );
    const { model, inputs, outputs } = buildHeads(heads, spec, 0);
    const feeds = Object.fromEntries(
      heads.map(({ sizes }, k) => {
        const dims = [2, ...sizes];
        const data = new Float32Array(dims.reduce((a, b) => a * b)).fill(1);
        return [inputs[k]!, { type: 'float32' as const, dims, data }];
      }),
    );
    const results = await run(model, feeds);
    expect(outputs.map((name) => results[name]!.dims)).toEqual(heads.map(() => [2, 3]));
    expect((await measureCost(model)).unknown).toEqual([]);
  });
});
