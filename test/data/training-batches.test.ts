import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Augmentation } from '../../src/data/augment/augmentation.js';
import type { SampleReader } from '../../src/data/collector.js';
import { stack } from '../../src/data/stack.js';
import type { TaskData } from '../../src/data/task.js';
import { type PlannedBatch, type TrainingBatchOptions, trainingBatches } from '../../src/data/training-batches.js';
import { trainingReader, viewReader } from '../../src/data/training-reader.js';
import type { Preprocessor, RawSample } from '../../src/data/types.js';
import { UserError } from '../../src/errors.js';

/** Images of one pixel, which is their index; encoded as they are. */
const PIXELS: Preprocessor = {
  description: 'pixels',
  prepare: (sample) => STAGES.encode(STAGES.fit(sample)),
  get stages() {
    return STAGES;
  },
  collate: stack,
};
const STAGES = {
  fit: (sample: RawSample) => sample,
  encode: (sample: RawSample) => ({
    x: { type: 'float32' as const, dims: [1], data: Float32Array.from(sample.kind === 'image' ? sample.data : []) },
  }),
};

interface Settings {
  bad?: number[];
  skipBadSamples?: boolean;
  onLoad?: (index: number) => void;
  texts?: string[];
}

function data(size: number, { bad = [], skipBadSamples = false, onLoad, texts }: Settings = {}): TaskData {
  const load = async (index: number): Promise<RawSample> => {
    onLoad?.(index);
    if (bad.includes(index)) throw new UserError('cannot be read');
    await new Promise((resolve) => setTimeout(resolve, index % 3));
    return texts
      ? { kind: 'text', text: texts[index]! }
      : { kind: 'image', width: 1, height: 1, channels: 1, data: Uint8Array.of(index) };
  };
  const describe = (index: number) => `row ${index}`;
  const dataset = { path: 'data', kind: texts ? 'text' : 'image', size, label: () => 0, describe, load } as const;
  return { dataset, preprocessor: PIXELS, skipBadSamples, skipped: new Set() } as unknown as TaskData;
}

const upTo = (size: number) => Array.from({ length: size }, (_, index) => index);
const add = (most: number): Augmentation => ({
  on: 'image',
  apply: (image, random) => ({ ...image, data: image.data.map((pixel) => pixel + Math.floor(random() * most)) }),
});
const scale: Augmentation = {
  on: 'inputs',
  apply: ({ x }, random) => ({ x: { ...x!, data: (x!.data as Float32Array).map((value) => value * random()) } }),
};

async function all(source: TaskData, options: Partial<TrainingBatchOptions> = {}): Promise<PlannedBatch[]> {
  const result: PlannedBatch[] = [];
  const indices = upTo(source.dataset.size);
  const wanted = { batchSize: 4, seed: 1, epoch: 1, augmentations: [add(50), scale], ...options };
  for await (const batch of trainingBatches(source, indices, wanted)) result.push(batch);
  return result;
}

describe('trainingBatches', () => {
  it('gives every sample once in an epoch, in another order in the next', async () => {
    const source = data(10);
    const [first, second] = [await all(source), await all(source, { epoch: 2 })];
    const orders = [first, second].map((batches) => batches.flatMap((batch) => batch.indices));
    for (const order of orders) expect([...order].sort((a, b) => a - b)).toEqual(upTo(10));
    expect(orders[0]).not.toEqual(orders[1]);
    expect(first.map((batch) => batch.indices.length)).toEqual([4, 4, 2]);
    expect((await all(source, { dropLast: true })).map((batch) => batch.indices.length)).toEqual([4, 4]);
  });

  it('shares of batches are read by those alone who want them, and together are the batches', async () => {
    const settings = fc.record({ parts: fc.integer({ min: 1, max: 6 }), seed: fc.nat(), skipBatches: fc.nat(2) });
    const property = fc.asyncProperty(settings, async ({ parts, ...chosen }) => {
      const whole = await all(data(11), chosen);
      const read: number[] = [];
      const shares = await Promise.all(
        upTo(parts).map((part) =>
          all(data(11, { onLoad: (index) => read.push(index) }), { ...chosen, share: { part, parts } }),
        ),
      );
      for (const [k, batch] of whole.entries()) {
        const own = shares.map((batches) => batches[k]!);
        expect(own.flatMap(({ indices }) => indices)).toEqual(batch.indices);
        expect(own.flatMap(({ feeds }) => [...((feeds.x?.data ?? []) as Float32Array)])).toEqual([
          ...(batch.feeds.x!.data as Float32Array),
        ]);
      }
      expect(read.sort((a, b) => a - b)).toEqual(whole.flatMap(({ indices }) => indices).sort((a, b) => a - b));
    });
    await fc.assert(property, { numRuns: 12 });
  });

  it('a share without rows, or whose samples are all bad, is an empty batch', async () => {
    const none = await all(data(5), { share: { part: undefined, parts: 2 } });
    expect(none.map(({ indices, planned }) => [indices.length, planned.length])).toEqual([
      [0, 4],
      [0, 1],
    ]);
    const bad = await all(data(4, { bad: upTo(4), skipBadSamples: true }), { share: { part: 0, parts: 2 } });
    expect(bad).toMatchObject([{ indices: [], feeds: {} }]);
  });

  it('gives the same whatever is read ahead, kept, or left out because it is done', async () => {
    const settings = fc.record({
      seed: fc.nat(),
      epoch: fc.nat(9),
      batchSize: fc.integer({ min: 1, max: 6 }),
      prefetch: fc.nat(4),
      cacheBytes: fc.constantFrom(0, 1000, 1e6),
      skipBatches: fc.nat(5),
      augmentations: fc.constantFrom([], [add(50)], [scale], [add(50), scale]),
    });
    await fc.assert(
      fc.asyncProperty(settings, async ({ prefetch, cacheBytes, skipBatches, ...chosen }) => {
        const whole = await all(data(13), chosen);
        const warm = data(13);
        await all(warm, { ...chosen, cacheBytes, epoch: chosen.epoch + 1 });
        const rest = await all(warm, { ...chosen, prefetch, cacheBytes, skipBatches });
        expect(rest).toEqual(whole.slice(skipBatches));
      }),
      { numRuns: 30 },
    );
  });

  it('changes each sample anew in every epoch and for every seed, and keeps what it was', async () => {
    const source = data(2);
    const valueOfOne = async (options: Partial<TrainingBatchOptions>) => {
      const [batch] = await all(source, { augmentations: [scale], ...options });
      return (batch!.feeds.x!.data as Float32Array)[batch!.indices.indexOf(1)];
    };
    const values = [{ epoch: 1 }, { epoch: 2 }, { epoch: 3 }, { seed: 2 }].map(valueOfOne);
    expect(new Set(await Promise.all(values)).size).toBe(4);
    expect(await valueOfOne({ augmentations: [] })).toBe(1);
  });

  it('reads each sample once where all can be kept, else those that do not fit again', async () => {
    const loads: number[] = [];
    const source = data(8, { onLoad: (index) => loads.push(index) });
    await all(source, { epoch: 1 });
    await all(source, { epoch: 2 });
    expect(loads).toHaveLength(8);
    const small = data(8, { onLoad: (index) => loads.push(index) });
    await all(small, { epoch: 1, cacheBytes: 3 * 300 });
    loads.length = 0;
    await all(small, { epoch: 2, cacheBytes: 3 * 300 });
    expect(loads).toHaveLength(5);
  });

  it('puts texts of like length together', async () => {
    const texts = upTo(64).map((length) => 'x'.repeat(length));
    const source = data(64, { texts });
    for (const { indices } of await all(source, { augmentations: [] })) {
      expect(Math.max(...indices) - Math.min(...indices)).toBe(3);
    }
  });

  it('names a bad sample', async () => {
    await expect(all(data(6, { bad: [4] }))).rejects.toThrow(
      'data: row 4: cannot be read; repair it, or pass --skip-bad-samples',
    );
  });

  it('leaves bad samples out where it may, but never a batch, so that each epoch has as many', async () => {
    const bad = [0, 2, 3];
    const source = data(6, { bad, skipBadSamples: true });
    const batches = await all(source, { batchSize: 1 });
    expect(batches).toHaveLength(6);
    expect(new Set(batches.flatMap((batch) => batch.indices))).toEqual(new Set([1, 4, 5]));
    expect([...source.skipped].sort()).toEqual(bad);
    expect(await all(source, { batchSize: 1, skipBatches: 3 })).toEqual(batches.slice(3));
  });

  it('refuses data of which nothing can be read, and fewer samples than a batch where the last is dropped', async () => {
    const source = data(3, { bad: [0, 1, 2], skipBadSamples: true });
    await expect(all(source)).rejects.toThrow('data: holds no sample that can be read');
    await expect(all(data(3), { dropLast: true })).rejects.toThrow(
      'data: gives 3 samples to train on, fewer than a batch of 4; use batches of at most 3 or more data',
    );
  });

  it('lets the event loop turn while it works', async () => {
    const busy: Augmentation = {
      on: 'image',
      apply(image) {
        for (const began = performance.now(); performance.now() - began < 1; );
        return image;
      },
    };
    const source = data(200);
    await all(source, { augmentations: [add(1)], batchSize: 200 });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await all(source, { augmentations: [busy], batchSize: 200, epoch: 2 });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(20);
  });
});

describe('viewReader', () => {
  it('gives another model the samples as they are changed for the first one, but for its inputs', async () => {
    const twice: Preprocessor = {
      ...PIXELS,
      prepare: (sample) => {
        const { x } = STAGES.encode(sample);
        return { x: { ...x, data: x.data.map((value) => 2 * value) } };
      },
    };
    const [source, taker] = [data(6), { ...data(6), preprocessor: twice }];
    const pixelOf = async (reader: SampleReader, index: number) => (await reader.read(index)).x!.data[0];
    const how = { seed: 1, cacheBytes: 1e6 };
    const seen = new Set<unknown>();
    for (const epoch of [1, 2])
      for (const index of upTo(6)) {
        const own = await pixelOf(trainingReader(source, { ...how, epoch, augmentations: [add(50)] }), index);
        const view = viewReader(source, taker, { ...how, epoch, augmentations: [add(50), scale] });
        expect(await pixelOf(view, index)).toBe(2 * Number(own));
        seen.add(own);
      }
    expect(seen.size).toBeGreaterThan(6);
    const unchanged = viewReader(source, taker, { ...how, epoch: 1, augmentations: [scale] });
    expect(await pixelOf(unchanged, 5)).toBe(10);
  });
});
