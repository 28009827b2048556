import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FeatureCache } from '../../src/training/feature-cache.js';
import { cutFrozenPart, type FrozenPart } from '../../src/training/frozen-part.js';
import { freezeParameters, prepareForTraining } from '../../src/training/prepare.js';
import { scratch } from '../data/scratch.js';
import { floats, graphOf } from '../ops/gradients/check-gradient.js';

const temporary = scratch()('temporary');
const before = process.env.TMPDIR;
beforeEach(() => {
  process.env.TMPDIR = temporary;
});
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
});

/** Folders with features; ONNX Runtime leaves files of its own there. */
const folders = () => readdirSync(temporary).filter((name) => name.startsWith('nncompress'));

/** The part of a model before the parameter v, which alone is trained. */
async function frozenPart(text: string): Promise<FrozenPart> {
  const prepared = await prepareForTraining(graphOf(text));
  return (await cutFrozenPart(freezeParameters(prepared, ({ name }) => name !== 'v')))!;
}

const network = `f (float[n,2] x) => (float[n,2] y) <float[2,3] w = {1,2,3,4,5,6}, float[3,2] v = {1,-1,2,-2,3,-3}>
  { h = MatMul(x, w) r = Relu(h) y = MatMul(r, v) }`;

describe('FeatureCache', () => {
  async function* batches(rows: readonly (readonly number[])[]) {
    for (const indices of rows)
      yield {
        indices,
        feeds: {
          x: floats(
            [indices.length, 2],
            indices.flatMap((index) => [index, 1]),
          ),
        },
      };
  }

  it('gives the features of samples in any order, and removes its files', async () => {
    const part = await frozenPart(network);
    const seen: number[] = [];
    const cache = await FeatureCache.compute(part, batches([[7, 3], [0], [12, 5]]), {
      workers: 2,
      session: {},
      onProgress: (samples) => seen.push(samples),
    });
    const { r } = cache.read([12, 7, 0, 12]);
    expect(r).toEqual({
      type: 'float32',
      dims: [4, 3],
      data: Float32Array.from([12, 7, 0, 12].flatMap((index) => [index + 4, 2 * index + 5, 3 * index + 6])),
    });
    expect(seen).toEqual([2, 1, 2]);
    expect(cache.known([12, 4, 0])).toEqual([12, 0]);
    expect(folders()).toHaveLength(1);
    cache.close();
    expect(folders()).toEqual([]);
  });

  it('keeps several features apart', async () => {
    const part = await frozenPart(`f (float[n,2] x) => (float[n,2] y)
      <int64[1] axes = {1}, float[2,2] w = {1,0,0,1}, float[2,2] v = {1,2,3,4}>
      { h = MatMul(x, w) a = Relu(h) b = ReduceSum<keepdims = 1>(h, axes) z = MatMul(a, v) y = Add(z, b) }`);
    const cache = await FeatureCache.compute(part, batches([[3, 4]]), { workers: 1, session: {} });
    const { a, b } = cache.read([4]);
    expect([a!.dims, [...(a!.data as Float32Array)]]).toEqual([
      [1, 2],
      [4, 1],
    ]);
    expect([b!.dims, [...(b!.data as Float32Array)]]).toEqual([[1, 1], [5]]);
    cache.close();
  });

  it('leaves nothing behind where data cannot be read', async () => {
    async function* broken() {
      yield* batches([[1]]);
      throw new Error('no such sample');
    }
    const part = await frozenPart(network);
    await expect(FeatureCache.compute(part, broken(), { workers: 1, session: {} })).rejects.toThrow('no such sample');
    expect(folders()).toEqual([]);
  });
});
