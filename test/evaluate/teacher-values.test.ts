import { readdirSync, truncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { batches } from '../../src/data/batches.js';
import { padAndStack } from '../../src/data/pad-batch.js';
import type { TaskData } from '../../src/data/task.js';
import type { Batch, Dataset, Preprocessor } from '../../src/data/types.js';
import {
  type FitOf,
  keepTeacherValues,
  liveTeacherValues,
  type TeacherProbe,
} from '../../src/evaluate/teacher-values.js';
import { floatFromHalf } from '../../src/ir/half.js';
import type { NamedValues } from '../../src/ir/types.js';
import { scratch } from '../data/scratch.js';
import { floats, graphOf } from '../ops/gradients/check-gradient.js';

const folder = scratch();

/** Sample k is k + 1 numbers: 10 k + 1, 10 k + 2, … */
const dataset: Dataset = {
  path: 'some.npz',
  kind: 'arrays',
  size: 5,
  label: () => 0,
  describe: (index) => `sample ${index}`,
  load: async (index) => {
    const numbers = Array.from({ length: index + 1 }, (_, k) => 10 * index + k + 1);
    return { kind: 'arrays', arrays: { x: floats([numbers.length], numbers) } };
  },
};

/** Texts of other lengths are filled up on one side; with a fixed length, all are. */
function dataOf(side: 'left' | 'right', least: number, fixedBatch?: number): TaskData {
  const preprocessor: Preprocessor = {
    description: '',
    prepare: (sample) => (sample as { arrays: NamedValues }).arrays,
    collate: (samples) => padAndStack(samples, { x: { axis: 0, value: 0, side, least } }),
  };
  const stream = (indices: readonly number[], batchSize = fixedBatch ?? 2) =>
    batches(dataset, preprocessor, { indices, batchSize });
  return { dataset, preprocessor, fixedBatch, stream } as unknown as TaskData;
}

/** A teacher that gives each number twice, and once for each pair, and the sum of a row. */
const model = graphOf(`f (float[n,t] x) => (float16[n,t,2] states, float16[n,1,t,t] pairs, float16[n,1] sum)
  <int64[1] last = {2}, int64[2] both = {1,2}, int64[2] second = {1,3}, int64[1] one = {1}>
  {
    u = Unsqueeze(x, last) d = Concat<axis = 2>(u, u) states = Cast<to = 10>(d)
    a = Unsqueeze(x, both) b = Unsqueeze(x, second) p = Sub(a, b) pairs = Cast<to = 10>(p)
    s = ReduceSum<keepdims = 1>(x, one) sum = Cast<to = 10>(s)
  }`);
const values = [
  { name: 'states', dims: [2, undefined, 2] },
  { name: 'pairs', dims: [2, 1, undefined, undefined] },
  { name: 'sum', dims: [2, 1] },
];

const probeOf = (data: TaskData): TeacherProbe => ({
  path: 'teacher.onnx',
  model,
  values,
  data,
  workers: 2,
  session: {},
});

/** The student's batches, as wide as their longest sample or wider. */
async function* student(...lists: [tokens: number, indices: number[]][]): AsyncGenerator<Batch> {
  for (const [tokens, indices] of lists)
    yield { indices, feeds: { ids: floats([indices.length, tokens], new Float32Array(indices.length * tokens)) } };
}

const fit =
  (side: 'left' | 'right'): FitOf =>
  (feeds) => ({ tokens: feeds.ids!.dims[1]!, side });

const numbers = ({ data }: NamedValues[string]) => Array.from(data as Uint16Array, floatFromHalf);

async function collect(given: AsyncIterable<{ batch: Batch; values: NamedValues }>) {
  const all: {
    indices: readonly number[];
    dims: Record<string, readonly number[]>;
    numbers: Record<string, number[]>;
  }[] = [];
  for await (const { batch, values: found } of given)
    all.push({
      indices: batch.indices,
      dims: Object.fromEntries(Object.entries(found).map(([name, value]) => [name, value.dims])),
      numbers: Object.fromEntries(Object.entries(found).map(([name, value]) => [name, numbers(value)])),
    });
  return all;
}

const lists: [number, number[]][] = [
  [3, [2, 0]],
  [4, [1]],
  [5, [4, 3, 0]],
];

describe('values of a teacher', () => {
  it('are those of the samples of each batch, as long as the student’s texts', async () => {
    const kept = await keepTeacherValues(
      probeOf(dataOf('right', 0)),
      { folder: folder('one'), key: 'a' },
      fit('right'),
    );
    const [first] = await collect(kept.along(student([3, [2, 0]])));
    expect(first).toEqual({
      indices: [2, 0],
      dims: { states: [2, 3, 2], pairs: [2, 1, 3, 3], sum: [2, 1] },
      numbers: {
        states: [21, 21, 22, 22, 23, 23, 1, 1, 0, 0, 0, 0],
        pairs: [0, 1, 2, -1, 0, 1, -2, -1, 0, 0, -1, 0, 1, 0, 0, 0, 0, 0],
        sum: [66, 1],
      },
    });
    kept.close();
  });

  it.each([
    ['right', 0, undefined],
    ['left', 0, undefined],
    ['right', 6, undefined],
    ['right', 6, 2],
    ['right', 0, 1],
  ] as const)(
    'are the same kept on disk and computed along: filled up on the %s to %d, batches of %s',
    async (side, least, rows) => {
      const probe = probeOf(dataOf(side, least, rows));
      const kept = await keepTeacherValues(probe, { folder: folder(`${side}${least}${rows}`), key: 'a' }, fit(side));
      const live = liveTeacherValues(probe, 1e3, fit(side));
      const [stored, computed] = [
        await collect(kept.along(student(...lists))),
        await collect(live.along(student(...lists))),
      ];
      expect(stored.map(({ indices, dims }) => [indices, dims.pairs])).toEqual(
        lists.map(([tokens, indices]) => [indices, [indices.length, 1, tokens, tokens]]),
      );
      // Sums of rows and single numbers know nothing of what fills texts up; pairs with it are of no account.
      const plain = (all: typeof stored) => all.map(({ numbers: found }) => [found.states, found.sum]);
      expect(plain(stored)).toEqual(plain(computed));
      const [two] = stored;
      const filled = side === 'left' ? [0, 0, 0, 0, 1, 1] : [1, 1, 0, 0, 0, 0];
      expect(two!.numbers.states).toEqual([21, 21, 22, 22, 23, 23, ...filled]);
      kept.close();
      live.close();
    },
  );

  it.each([undefined, 2])(
    'are those of what the student takes, where both take the same: batches of %s',
    async (rows) => {
      const probe = { ...probeOf(dataOf('right', 0, rows)), inputs: new Map([['x', 'student/x']]) };
      const live = liveTeacherValues(probe, 1e3, () => undefined);
      async function* changed(): AsyncGenerator<Batch> {
        yield { indices: [4, 0, 1], feeds: { 'student/x': floats([3, 2], [1, 2, 3, 4, 5, 6]) } };
      }
      const [batch] = await collect(live.along(changed()));
      expect(batch!.numbers.sum).toEqual([3, 7, 11]);
    },
  );

  it('are computed once, unless something else is asked for or the file is not whole', async () => {
    const at = folder('once');
    const open = async (key: string) => {
      const done: number[] = [];
      const onProgress = (samples: number) => done.push(samples);
      const kept = await keepTeacherValues(probeOf(dataOf('right', 0)), { folder: at, key, onProgress }, fit('right'));
      kept.close();
      return { ...kept, done };
    };
    const first = await open('one');
    expect([first.reused, first.done]).toEqual([false, [2, 2, 1]]);
    const again = await open('one');
    expect([again.reused, again.done, again.path]).toEqual([true, [], first.path]);
    expect((await open('other')).reused).toBe(false);
    truncateSync(first.path, 10);
    expect((await open('one')).reused).toBe(false);
    expect(readdirSync(at).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('are refused where they are no numbers, and nothing is left behind', async () => {
    const at = folder('broken');
    const broken = graphOf(
      'f (float[n,t] x) => (float16[n,t] y) { z = Sqrt(x) n = Neg(z) q = Sqrt(n) y = Cast<to = 10>(q) }',
    );
    const probe = { ...probeOf(dataOf('right', 0)), model: broken, values: [{ name: 'y', dims: [2, undefined] }] };
    await expect(keepTeacherValues(probe, { folder: at, key: 'k' }, fit('right'))).rejects.toThrow(
      /teacher.onnx: has inner values that are no numbers/,
    );
    expect(readdirSync(at)).toEqual([]);
    const live = liveTeacherValues(probe, 1e3, fit('right'));
    await expect(collect(live.along(student([2, [1]])))).rejects.toThrow(/no numbers/);
  });
});
