import { describe, expect, it } from 'vitest';
import type { Collective } from '../../src/parallel/collective.js';
import { fitBatch } from '../../src/training/batch-part.js';
import { ROW_WEIGHTS } from '../../src/training/objectives.js';
import { floats, int64s } from '../ops/gradients/check-gradient.js';

/** A member of a group in which another one says something. */
const beside = (...said: number[]) =>
  ({ exchange: async (own) => [[...own], said] }) as Pick<Collective, 'exchange'> as Collective;

const ids = [{ input: 'ids', axis: 1, fill: 0n, side: 'right' as const }];

describe('a part of a batch', () => {
  it('is filled up to the longest row of all parts', async () => {
    const feeds = { ids: int64s([2, 2], [1, 2, 3, 4]), [ROW_WEIGHTS]: floats([2], [0.25, 0.25]) };
    const fitted = await fitBatch(beside(2, 0, 3), feeds, 2, { lost: 0, padded: ids });
    expect(fitted).toEqual({
      feeds: { ...feeds, ids: int64s([2, 3], [1, 2, 0, 3, 4, 0]) },
      rows: 4,
      share: 0.5,
    });
    expect((await fitBatch(beside(1, 0, 1), feeds, 2, { lost: 0, padded: ids })).feeds).toEqual(feeds);
  });

  it('weighs more where samples are left out, so that all together weigh one', async () => {
    const feeds = { [ROW_WEIGHTS]: floats([2], [0.25, 0.25]) };
    const { feeds: fitted, share } = await fitBatch(beside(1, 0.25), feeds, 2);
    expect(fitted[ROW_WEIGHTS]!.data[0]).toBeCloseTo(1 / 3, 6);
    expect(share).toBeCloseTo(2 / 3, 12);
  });

  it('may have no rows', async () => {
    expect(await fitBatch(beside(3, 0, 5), {}, 0, { lost: 0, padded: ids })).toEqual({ feeds: {}, rows: 3, share: 0 });
    expect((await fitBatch(beside(0, 1), {}, 0)).rows).toBe(0);
  });
});
