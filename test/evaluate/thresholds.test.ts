import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dropInterval } from '../../src/evaluate/paired.js';
import { normalCdf } from '../../src/evaluate/statistics.js';
import {
  applyThresholds,
  bestPolicy,
  CARE,
  type ExitTable,
  frontier,
  limitOf,
  worthOf,
} from '../../src/evaluate/thresholds.js';

/** Ten samples, the surer the righter at the first exit; the last is wrong about one of them. */
const TEN: ExitTable = {
  size: 10,
  unsure: [[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]],
  wrong: [
    [0, 0, 0, 0, 0, 1, 0, 1, 1, 1],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ],
  costs: [0.2, 1.2],
};

describe('applyThresholds', () => {
  it('tells cost, accuracy and shares', () => {
    const kept = { gained: 0, lost: 0 };
    expect(applyThresholds(TEN, [0.45])).toEqual({
      ...{ thresholds: [0.45], cost: 0.7, accuracy: 0.9, shares: [0.5, 0.5], ...kept },
    });
    expect(applyThresholds(TEN, [0.55])).toMatchObject({ accuracy: 0.8, gained: 0, lost: 1 });
  });

  it('a threshold of 0 lets none leave, one of 1 all', () => {
    expect(applyThresholds(TEN, [0]).shares).toEqual([0, 1]);
    expect(applyThresholds(TEN, [1]).shares).toEqual([1, 0]);
  });

  it('a sample whose uncertainty is unknown goes on', () => {
    const unknown = { ...TEN, unsure: [Array(10).fill(Number.POSITIVE_INFINITY)] };
    expect(applyThresholds(unknown, [0.99]).shares[0]).toBe(0);
    expect(applyThresholds(unknown, [1]).shares[0]).toBe(0);
  });
});

describe('bestPolicy', () => {
  it('is the cheapest that loses no more than is allowed', () => {
    expect(bestPolicy(TEN, { maxDrop: 0 })).toMatchObject({ shares: [0.5, 0.5], accuracy: 0.9 });
    const { shares, accuracy } = bestPolicy(TEN, { maxDrop: 0.25 });
    expect([shares, accuracy]).toEqual([[0.7, 0.3], 0.8]);
    expect(bestPolicy(TEN, { maxDrop: 1 }).shares).toEqual([1, 0]);
  });

  it('keeps off what is allowed by a standard error, so that few samples have to lose less', () => {
    const times = (count: number): ExitTable => {
      const repeat = (values: ArrayLike<number>) => Array.from({ length: count }, () => [...Array.from(values)]).flat();
      return { ...TEN, size: 10 * count, unsure: TEN.unsure.map(repeat), wrong: TEN.wrong.map(repeat) };
    };
    const dropWith = (count: number) => 0.9 - bestPolicy(times(count), { maxDrop: 0.12 }).accuracy;
    expect(dropWith(1)).toBeCloseTo(0, 9);
    expect(dropWith(3)).toBeCloseTo(0, 9);
    expect(dropWith(100)).toBeCloseTo(0.1, 9);
  });

  it('lets no more change than it has to where samples are too few to show what is allowed', () => {
    expect(limitOf(0.005, 10)).toBeCloseTo(1 / 11, 12);
    expect(limitOf(0.005, 10_000)).toBe(0.005);
    const unlike = { ...TEN, wrong: [2, 3].map((place) => Array.from({ length: 10 }, (_, k) => Number(k === place))) };
    expect(bestPolicy(unlike, { maxDrop: 0.005 }).shares).toEqual([0.2, 0.8]);
  });

  it('counts losses from the original, where that is not the last exit', () => {
    const against = (original: readonly number[], maxDrop: number) => bestPolicy({ ...TEN, original }, { maxDrop });
    expect(against([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.25)).toMatchObject({ shares: [0.5, 0.5], lost: 1 });
    expect(against([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0).thresholds).toEqual([0]);
    expect(against([0, 0, 0, 0, 0, 1, 0, 0, 0, 1], 0)).toMatchObject({ shares: [0.7, 0.3], gained: 0, lost: 0 });
  });

  it('is the most accurate that costs no more than is allowed', () => {
    expect(bestPolicy(TEN, { maxCost: 0.7 })).toMatchObject({ accuracy: 0.9, cost: 0.7 });
    expect(bestPolicy(TEN, { maxCost: 0.1 }).shares).toEqual([1, 0]);
  });

  it('spends what may be spent where every sample that stays gains alike', () => {
    const unsure = [Array.from({ length: 10 }, (_, k) => k / 10)];
    const wrong = [Array(10).fill(1), Array(10).fill(0)];
    const { shares, accuracy, cost } = bestPolicy({ size: 10, unsure, wrong, costs: [0.5, 1] }, { maxCost: 0.8 });
    expect([shares, accuracy]).toEqual([[0.4, 0.6], 0.6]);
    expect(cost).toBeCloseTo(0.8, 9);
  });

  it('lets all go to the end where an exit only does harm', () => {
    const harmful = { ...TEN, wrong: [Array(10).fill(1), Array(10).fill(0)] };
    expect(bestPolicy(harmful, { maxDrop: 0 }).thresholds).toEqual([0]);
  });

  it('finds thresholds of several exits together: the second is of no use where the first takes all it would', () => {
    const two: ExitTable = {
      size: 4,
      unsure: [
        [0.1, 0.2, 0.8, 0.9],
        [0.1, 0.2, 0.3, 0.9],
      ],
      wrong: [
        [0, 0, 1, 1],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
      ],
      costs: [0.2, 0.5, 1],
    };
    const { thresholds, shares, cost } = bestPolicy(two, { maxDrop: 0 });
    expect(shares).toEqual([0.5, 0.25, 0.25]);
    expect(thresholds[0]).toBeCloseTo(0.5, 6);
    expect(cost).toBeCloseTo(0.475, 9);
  });

  const table = fc
    .record({
      size: fc.integer({ min: 1, max: 40 }),
      exits: fc.integer({ min: 1, max: 3 }),
      seed: fc.array(fc.nat({ max: 9 }), { minLength: 320, maxLength: 320 }),
      drop: fc.double({ min: 0, max: 0.3, noNaN: true }),
    })
    .map(({ size, exits, seed, drop }) => {
      const digits = (from: number) => seed.slice(from, from + size);
      const unsure = Array.from({ length: exits }, (_, k) => digits(40 * k).map((digit) => digit / 10));
      const wrong = Array.from({ length: exits + 1 }, (_, k) => digits(160 + 40 * k).map((d) => Number(d < 3 - k)));
      const costs = Array.from({ length: exits + 1 }, (_, k) => (k + 1) / (exits + 1));
      return { table: { size, unsure, wrong, costs } satisfies ExitTable, drop };
    });

  it('never loses more than is allowed, and costs no more than the last exit', () => {
    fc.assert(
      fc.property(table, ({ table, drop }) => {
        const whole = applyThresholds(
          table,
          table.unsure.map(() => 0),
        );
        const policy = bestPolicy(table, { maxDrop: drop });
        expect(applyThresholds(table, policy.thresholds)).toEqual(policy);
        const pairs = { samples: table.size, gained: policy.gained, lost: policy.lost };
        const { value, high } = dropInterval(pairs, 2 * normalCdf(CARE) - 1);
        expect(whole.accuracy - policy.accuracy).toBeCloseTo(value, 9);
        expect(high).toBeLessThanOrEqual(limitOf(drop, table.size) + 1e-6);
        expect(policy.cost).toBeLessThanOrEqual(whole.cost);
      }),
    );
  });

  it('the frontier goes up in cost and in accuracy', () => {
    fc.assert(
      fc.property(table, ({ table }) => {
        const policies = frontier(table);
        for (const [k, policy] of policies.entries()) {
          if (!k) continue;
          expect(policy.cost).toBeGreaterThan(policies[k - 1]!.cost);
          expect(policy.accuracy).toBeGreaterThan(policies[k - 1]!.accuracy);
        }
      }),
    );
  });
});

describe('worthOf', () => {
  const policy = (cost: number, accuracy: number) => ({
    ...{ thresholds: [0.5], shares: [0.5, 0.5], cost, accuracy },
    gained: 10_000 * Math.max(0, accuracy - 0.9),
    lost: 10_000 * Math.max(0, 0.9 - accuracy),
  });
  const ordered = (goal: Parameters<typeof worthOf>[1], ...policies: ReturnType<typeof policy>[]) => {
    const worths = policies.map((one) => worthOf(one, goal, 10_000));
    expect(worths).toEqual([...worths].sort((a, b) => a - b));
    expect(new Set(worths).size).toBe(worths.length);
  };

  it('is more where a goal is reached, then where that is cheap, or accurate', () => {
    ordered({ maxDrop: 0.01 }, policy(0.2, 0.7), policy(0.3, 0.88), policy(0.9, 0.895), policy(0.5, 0.95));
    ordered({ maxCost: 0.5 }, policy(0.8, 0.99), policy(0.6, 0.9), policy(0.5, 0.7), policy(0.1, 0.8));
  });
});
