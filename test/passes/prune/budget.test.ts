import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseWidths, type GroupChoices, uniformWidths, type WidthCosts } from '../../../src/passes/prune/budget.js';

/** A chain of layers, each of which costs the product of its widths; nothing but MACs is counted. */
function chain(ends: readonly [number, number]): WidthCosts {
  const at = (widths: readonly number[]) => {
    const all = [ends[0], ...widths, ends[1]];
    const macs = all.slice(1).reduce((sum, width, k) => sum + width * all[k]!, 0);
    return { macs, parameters: 0, bytes: 0 };
  };
  return { at, around: (_, widths) => at(widths) };
}

const linear = (size: number, worth: number): GroupChoices => {
  const widths = Array.from({ length: size }, (_, k) => k + 1);
  return { widths, losses: widths.map((width) => worth * (size - width)) };
};

describe('chooseWidths', () => {
  it('narrows what is worth least', () => {
    // Two groups of 4 in a chain 1-4-4-1 of 24 MACs.
    const groups = [linear(4, 1), linear(4, 10)];
    expect(chooseWidths(chain([1, 1]), groups, 'macs', 0.6)).toEqual({
      ...{ widths: [2, 4], loss: 2, isReached: true },
      share: 14 / 24,
    });
  });

  it('says how near it comes to what cannot be reached', () => {
    const budget = chooseWidths(chain([1, 1]), [linear(4, 1), linear(4, 1)], 'macs', 0.1);
    expect(budget).toEqual({ widths: [1, 1], loss: 6, isReached: false, share: 3 / 24 });
  });

  it('keeps everything where nothing has to go', () => {
    expect(chooseWidths(chain([3, 3]), [linear(4, 1)], 'macs', 1)).toMatchObject({ widths: [4], loss: 0, share: 1 });
  });

  it('comes close to the best choice, and leaves nothing that fits', () => {
    const increments = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(increments, { minLength: 1, maxLength: 3 }),
        fc.double({ min: 0.2, max: 0.9, noNaN: true }),
        (all, share) => {
          const groups = all.map((list): GroupChoices => {
            const sorted = [...list].sort((a, b) => a - b);
            const widths = Array.from({ length: list.length + 1 }, (_, k) => k + 1);
            const lost = (count: number) => sorted.slice(0, count).reduce((sum, value) => sum + value, 0);
            return { widths, losses: widths.map((width) => lost(list.length + 1 - width)) };
          });
          const costs = chain([2, 3]);
          const macs = (widths: readonly number[]) => costs.at(widths).macs;
          const allowed = share * macs(groups.map(({ widths }) => widths.at(-1)!));
          const found = chooseWidths(costs, groups, 'macs', share);
          const choices = groups.reduce<number[][]>(
            (lists, { widths }) => lists.flatMap((list) => widths.map((width) => [...list, width])),
            [[]],
          );
          const fitting = choices.filter((widths) => macs(widths) <= allowed);
          expect(found.isReached).toBe(fitting.length > 0);
          if (!fitting.length) return;
          expect(macs(found.widths)).toBeLessThanOrEqual(allowed);
          const loss = (widths: readonly number[]) =>
            widths.reduce((sum, width, k) => sum + groups[k]!.losses[width - 1]!, 0);
          expect(found.loss).toBe(loss(found.widths));
          for (const [k, { widths }] of groups.entries())
            if (found.widths[k]! < widths.length)
              expect(macs(found.widths.with(k, found.widths[k]! + 1))).toBeGreaterThan(allowed);
          const least = Math.min(...fitting.map(loss));
          const most = loss(groups.map(() => 1));
          expect(found.loss - least).toBeLessThanOrEqual(0.5 * most);
        },
      ),
    );
  });
});

describe('uniformWidths', () => {
  it('takes the same share of each group', () => {
    const groups = [linear(4, 1), linear(8, 10)];
    // 1-4-8-1 costs 44 MACs, 1-2-4-1 costs 14, 1-3-5-1 costs 23.
    expect(uniformWidths(chain([1, 1]), groups, 'macs', 0.4).widths).toEqual([2, 4]);
    expect(uniformWidths(chain([1, 1]), groups, 'macs', 0.55)).toEqual({
      ...{ widths: [3, 5], loss: 31, isReached: true },
      share: 23 / 44,
    });
    expect(uniformWidths(chain([1, 1]), groups, 'macs', 1)).toMatchObject({ widths: [4, 8], isReached: true });
    expect(uniformWidths(chain([1, 1]), groups, 'macs', 0.01)).toMatchObject({ widths: [1, 1], isReached: false });
  });
});
