import { describe, expect, it } from 'vitest';
import { batches } from '../../src/data/batches.js';
import { stack } from '../../src/data/stack.js';
import type { Batch, Dataset, Preprocessor } from '../../src/data/types.js';
import { UserError } from '../../src/errors.js';

/** Samples that hold their index; those in `bad` cannot be read. */
function numbers(size: number, bad: number[] = [], onLoad: () => Promise<void> = async () => {}): Dataset {
  return {
    path: 'data.npz',
    kind: 'arrays',
    size,
    label: () => undefined,
    describe: (index) => `row ${index}`,
    async load(index) {
      await onLoad();
      if (bad.includes(index)) throw new UserError('cannot be read');
      return { kind: 'arrays', arrays: { x: { type: 'float32', dims: [1], data: Float32Array.of(index) } } };
    },
  };
}

const AS_THEY_ARE: Preprocessor = {
  description: 'as they are',
  prepare: (sample) => (sample.kind === 'arrays' ? sample.arrays : {}),
  collate: stack,
};

async function all(generator: AsyncGenerator<Batch>): Promise<Batch[]> {
  const result: Batch[] = [];
  for await (const batch of generator) result.push(batch);
  return result;
}

describe('batches', () => {
  it('stacks samples in the order of the indices; the last batch may be smaller', async () => {
    const result = await all(batches(numbers(9), AS_THEY_ARE, { indices: [8, 1, 5], batchSize: 2 }));
    expect(result).toEqual([
      { indices: [8, 1], feeds: { x: { type: 'float32', dims: [2, 1], data: Float32Array.of(8, 1) } } },
      { indices: [5], feeds: { x: { type: 'float32', dims: [1, 1], data: Float32Array.of(5) } } },
    ]);
  });

  it('lets the event loop turn where samples are there at once and take long to prepare', async () => {
    const slow: Preprocessor = {
      ...AS_THEY_ARE,
      prepare(sample) {
        for (const began = performance.now(); performance.now() - began < 1; );
        return AS_THEY_ARE.prepare(sample);
      },
    };
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await all(batches(numbers(200), slow, { batchSize: 100 }));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(20);
  });

  it('reads ahead, but only so far, and not more at once than the machine can use', async () => {
    let begun = 0;
    let running = 0;
    let most = 0;
    const data = numbers(1000, [], async () => {
      begun += 1;
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running -= 1;
    });
    const generator = batches(data, AS_THEY_ARE, { batchSize: 10, prefetch: 2 });
    await generator.next();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(begun).toBe(30);
    expect(most).toBeGreaterThan(1);
    await generator.return();
  });

  it('names the sample that is bad', async () => {
    const generator = batches(numbers(10, [7]), AS_THEY_ARE, { batchSize: 2 });
    await expect(all(generator)).rejects.toThrow('data.npz: row 7: cannot be read');
  });

  it('leaves bad samples out where it may, and tells of each', async () => {
    const skipped: string[] = [];
    const options = { skipBadSamples: true, onSkip: (_: number, error: UserError) => skipped.push(error.message) };
    const result = await all(batches(numbers(6, [1, 2, 3]), AS_THEY_ARE, { batchSize: 2, ...options }));
    expect(result.map((batch) => batch.indices)).toEqual([[0], [4, 5]]);
    expect(skipped).toHaveLength(3);
    expect(skipped[0]).toBe('data.npz: row 1: cannot be read');
  });

  it('does not hide its own faults as bad samples', async () => {
    const broken: Preprocessor = { ...AS_THEY_ARE, prepare: () => Promise.reject(new TypeError('a bug')) };
    await expect(all(batches(numbers(2), broken, { batchSize: 2, skipBadSamples: true }))).rejects.toThrow(TypeError);
  });

  it.each([
    ['float32', Float32Array.of(1, Number.NaN)],
    ['float64', Float64Array.of(Number.POSITIVE_INFINITY)],
    ['float16', Uint16Array.of(0x3c00, 0xfc00)],
    ['bfloat16', Uint16Array.of(0x7fc0)],
  ] as const)('refuses %s inputs that are not finite', async (type, data) => {
    const odd: Preprocessor = { ...AS_THEY_ARE, prepare: () => ({ x: { type, dims: [data.length], data } }) };
    await expect(all(batches(numbers(2), odd, { batchSize: 1 }))).rejects.toThrow(
      "data.npz: row 0: input 'x' holds NaN or infinity; repair the sample, or pass --skip-bad-samples",
    );
  });

  it('names the batch whose samples differ in shape', async () => {
    let next = 0;
    const uneven: Preprocessor = {
      ...AS_THEY_ARE,
      prepare: () => ({ x: { type: 'float32', dims: [++next], data: new Float32Array(next) } }),
    };
    await expect(all(batches(numbers(4), uneven, { batchSize: 2 }))).rejects.toThrow(
      "data.npz: row 0 … row 1: samples of input 'x' differ in shape: [1] and [2]",
    );
  });
});
