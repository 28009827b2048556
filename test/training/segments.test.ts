import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutIntoSegments } from '../../src/training/segments.js';

/** A chain of nodes with outputs of one byte, each needed by the next one and by the backward pass. */
const chain = (length: number) => ({
  kept: Array<number>(length).fill(1),
  handedOn: Array.from({ length }, (_, place) => Number(place < length - 1)),
  lastUse: Array.from({ length }, (_, place) => Math.min(place + 1, length - 1)),
});

describe('cutIntoSegments', () => {
  it.each([16, 100, 400])('cuts a chain of %d equal nodes into about as many segments as its root', (length) => {
    const cuts = cutIntoSegments(chain(length));
    const root = Math.sqrt(length);
    expect(cuts.length + 1).toBeGreaterThan(0.7 * root);
    expect(cuts.length + 1).toBeLessThan(1.5 * root);
    const sizes = [...cuts, length].map((end, k) => end - (cuts[k - 1] ?? 0));
    expect(cuts.length + Math.max(...sizes)).toBeLessThan(2 * root + 2);
  });

  it('cuts where little crosses', () => {
    const costs = { ...chain(8), kept: [9, 9, 1, 9, 9, 9, 9, 9], handedOn: [9, 9, 1, 9, 9, 9, 9, 0] };
    expect(cutIntoSegments(costs)).toContain(3);
  });

  it('leaves a pass alone whose values all cross', () => {
    const costs = { kept: [1, 1, 1, 1], handedOn: [1, 1, 1, 0], lastUse: [3, 3, 3, 3] };
    expect(cutIntoSegments(costs)).toEqual([]);
  });

  it('gives rising places inside the pass', () => {
    const costs = fc.array(fc.tuple(fc.nat(9), fc.nat(9), fc.nat(5)), { minLength: 1, maxLength: 60 }).map((nodes) => ({
      kept: nodes.map(([kept]) => kept),
      handedOn: nodes.map(([, handedOn]) => handedOn),
      lastUse: nodes.map(([, , reach], place) => Math.min(place + reach, nodes.length - 1)),
    }));
    fc.assert(
      fc.property(costs, (given) => {
        const cuts = cutIntoSegments(given);
        for (const [k, cut] of cuts.entries()) {
          expect(cut).toBeGreaterThan(cuts[k - 1] ?? 0);
          expect(cut).toBeLessThan(given.kept.length);
        }
      }),
    );
  });
});
