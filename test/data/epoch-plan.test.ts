import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochOrder, epochPlan } from '../../src/data/epoch-plan.js';

const upTo = (size: number) => Array.from({ length: size }, (_, index) => index);
const ascending = (items: readonly number[]) => [...items].sort((a, b) => a - b);
const options = fc.record({ batchSize: fc.integer({ min: 1, max: 9 }), seed: fc.nat(), epoch: fc.nat(50) });

describe('epochPlan', () => {
  it('is a permutation of the samples in full batches but the last, with and without lengths', () => {
    fc.assert(
      fc.property(fc.nat(200), options, fc.boolean(), (size, chosen, sorted) => {
        const plan = epochPlan(upTo(size), chosen, sorted ? (index) => index % 7 : undefined);
        expect(ascending(plan.flat())).toEqual(upTo(size));
        expect(plan).toHaveLength(Math.ceil(size / chosen.batchSize));
        for (const batch of plan.slice(0, -1)) expect(batch).toHaveLength(chosen.batchSize);
      }),
    );
  });

  it('is the same for the same seed and epoch, another for any other', () => {
    const plan = (seed: number, epoch: number) => epochPlan(upTo(100), { batchSize: 10, seed, epoch });
    expect(plan(1, 2)).toEqual(plan(1, 2));
    const firsts = [plan(1, 2), plan(2, 1), plan(1, 3), plan(0, 0)].map((batches) => String(batches[0]));
    expect(new Set(firsts).size).toBe(4);
  });

  it('can leave the last batch out, other samples in every epoch', () => {
    const dropped = (epoch: number) => {
      const plan = epochPlan(upTo(10), { batchSize: 4, seed: 0, epoch, dropLast: true });
      expect(plan.map((batch) => batch.length)).toEqual([4, 4]);
      return upTo(10).filter((index) => !plan.flat().includes(index));
    };
    expect(new Set(upTo(20).map((epoch) => String(dropped(epoch)))).size).toBeGreaterThan(5);
  });

  it('puts samples of like length together, in batches whose lengths come in random order', () => {
    const lengthOf = (index: number) => index;
    const plan = epochPlan(upTo(320), { batchSize: 10, seed: 3, epoch: 1 }, lengthOf);
    for (const batch of plan) expect(Math.max(...batch) - Math.min(...batch)).toBe(9);
    const longest = plan.map((batch) => Math.max(...batch));
    expect(longest).not.toEqual(ascending(longest));
  });

  it('takes the shuffled order as it is where there are no lengths', () => {
    const plan = epochPlan(upTo(50), { batchSize: 8, seed: 4, epoch: 2 });
    expect(plan.flat()).toEqual(epochOrder(upTo(50), 4, 2));
  });
});
