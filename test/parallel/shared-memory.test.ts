import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allReduce, alone, evenBounds } from '../../src/parallel/collective.js';
import { createSharedGroup, endGroup, type SharedGroup } from '../../src/parallel/shared-memory.js';

/** What a rank does; `data` is its own vector. */
interface Call {
  method: 'reduceScatter' | 'allGather' | 'allReduce';
  data: readonly number[];
  bounds?: readonly number[];
}

interface Answer {
  results: number[][];
  error?: string;
}

/** Starts a thread that does the calls of a rank. */
function startRank(group: SharedGroup, rank: number, calls: readonly Call[]): Promise<Answer> {
  const module = new URL('../../dist/parallel/shared-memory.js', import.meta.url).href;
  const worker = new Worker(new URL('./collective-worker.mjs', import.meta.url), {
    workerData: { module, group, rank, calls },
  });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

/** What every rank got from its calls. */
async function together(length: number, calls: readonly (readonly Call[])[]): Promise<number[][][]> {
  const group = createSharedGroup(calls.length, length);
  const answers = await Promise.all(calls.map((own, rank) => startRank(group, rank, own)));
  for (const { error } of answers) expect(error).toBeUndefined();
  return answers.map(({ results }) => results);
}

/** Element by element, in the order of the ranks. */
const sumOf = (vectors: readonly (readonly number[])[]) =>
  vectors[0]!.map((_, k) => vectors.reduce((sum, vector) => sum + vector[k]!, 0));

const part = (vector: readonly number[], bounds: readonly number[], rank: number) =>
  vector.slice(bounds[rank], bounds[rank + 1]);

describe('evenBounds', () => {
  it.each([
    [10, 1, [0, 10]],
    [10, 3, [0, 3, 6, 10]],
    [2, 4, [0, 0, 1, 1, 2]],
    [0, 2, [0, 0, 0]],
  ])('%d elements for %d ranks', (length, ranks, bounds) => {
    expect(evenBounds(length, ranks)).toEqual(bounds);
  });
});

describe('a group of threads', () => {
  it('reduces, and gathers what each rank made of its part', async () => {
    const bounds = [0, 2, 3];
    const results = await together(3, [
      [
        { method: 'reduceScatter', data: [1, 2, 3], bounds },
        { method: 'allGather', data: [100, 200, 0], bounds },
        { method: 'allReduce', data: [0.5, 1] },
      ],
      [
        { method: 'reduceScatter', data: [10, 20, 30], bounds },
        { method: 'allGather', data: [0, 0, 300], bounds },
        { method: 'allReduce', data: [0.25, 2] },
      ],
    ]);
    expect(part(results[0]![0]!, bounds, 0)).toEqual([11, 22]);
    expect(part(results[1]![0]!, bounds, 1)).toEqual([33]);
    for (const rank of results)
      expect(rank.slice(1)).toEqual([
        [100, 200, 300],
        [0.75, 3],
      ]);
  });

  it('any calls of any number of ranks give plain sums', async () => {
    const methods = fc.array(fc.constantFrom('reduceScatter', 'allGather', 'allReduce'), {
      minLength: 1,
      maxLength: 12,
    });
    const property = fc.asyncProperty(
      fc.integer({ min: 2, max: 4 }),
      fc.integer({ min: 0, max: 9 }),
      methods,
      fc.integer({ min: 1, max: 1000 }),
      async (ranks, length, sequence, seed) => {
        const bounds = evenBounds(length, ranks);
        const vectorOf = (rank: number, place: number) =>
          Array.from({ length }, (_, k) => ((seed * (rank + 1) + 31 * place + 7 * k) % 101) - 50);
        const calls = Array.from({ length: ranks }, (_, rank) =>
          sequence.map((method, place): Call => ({ method, data: vectorOf(rank, place), bounds })),
        );
        const results = await together(length, calls);
        for (const [place, method] of sequence.entries()) {
          const vectors = calls.map((own) => own[place]!.data);
          for (let rank = 0; rank < ranks; rank++) {
            const found = results[rank]![place]!;
            if (method === 'reduceScatter') {
              expect(part(found, bounds, rank)).toEqual(part(sumOf(vectors), bounds, rank));
              // Beside the sums, every rank told the others its number and the place of the call.
              expect(found.slice(length)).toEqual(vectors.flatMap((_, other) => [other, place]));
            } else if (method === 'allGather')
              expect(found).toEqual(vectors.flatMap((vector, owner) => part(vector, bounds, owner)));
            else expect(found).toEqual(sumOf(vectors));
          }
        }
      },
    );
    await fc.assert(property, { numRuns: 8 });
  });

  it('sums in the order of the ranks, whoever is faster', async () => {
    const tiny = 2 ** -53;
    const call = (value: number): Call[] => [{ method: 'allReduce', data: [value] }];
    const results = await together(0, [call(1), call(tiny), call(tiny)]);
    expect(results).toEqual([[[1]], [[1]], [[1]]]); // (1 + tiny) + tiny, not 1 + 2·tiny
  });

  it('takes a few numbers at once', async () => {
    const group = createSharedGroup(1, 0);
    const { error } = await startRank(group, 0, [{ method: 'allReduce', data: Array(17).fill(0) }]);
    expect(error).toBe('17 numbers at once');
  });
});

describe('endGroup', () => {
  const waits: Call[] = [{ method: 'allReduce', data: [1] }];

  it('lets go on those who wait', async () => {
    const group = createSharedGroup(3, 4);
    const waiting = [startRank(group, 0, waits), startRank(group, 2, waits)];
    await new Promise((resolve) => setTimeout(resolve, 100));
    endGroup(group);
    for (const { error, results } of await Promise.all(waiting))
      expect([error, results]).toEqual(['another worker has failed', []]);
  });

  it('keeps those who come later from waiting', async () => {
    const group = createSharedGroup(2, 4);
    endGroup(group);
    expect((await startRank(group, 1, waits)).error).toBe('another worker has failed');
    expect((await startRank(group, 1, waits)).error).toBe('another worker has failed');
  });
});

it('a group of one changes nothing', async () => {
  const vector = Float32Array.of(1, 2);
  await alone.reduceScatter(vector, [0, 2]);
  await alone.allGather(vector, [0, 2]);
  expect([...vector, ...(await allReduce(alone, [3, 4])), alone.rank, alone.size]).toEqual([1, 2, 3, 4, 0, 1]);
});
