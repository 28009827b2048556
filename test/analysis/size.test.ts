import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Size } from '../../src/analysis/size.js';

const batch = Size.symbol('batch');
const seq = Size.symbol('seq');
const n = Size.of;

/** A polynomial with its value for batch 3 and seq 5. */
const polynomial = fc.letrec<{ any: [Size, number] }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.integer({ min: -9, max: 9 }).map((v): [Size, number] => [n(v), v]),
    fc.constantFrom<[Size, number]>([batch, 3], [seq, 5]),
    fc.tuple(tie('any'), tie('any')).map(([[a, x], [b, y]]): [Size, number] => [a.plus(b), x + y]),
    fc.tuple(tie('any'), tie('any')).map(([[a, x], [b, y]]): [Size, number] => [a.times(b), x * y]),
  ),
})).any;

function evaluated(size: Size): number {
  const term = (text: string) =>
    text.split(/[*·]/).reduce((product, factor) => product * ({ batch: 3, seq: 5 }[factor] ?? Number(factor)), 1);
  return String(size)
    .split('+')
    .map(term)
    .reduce((a, b) => a + b);
}

describe('Size', () => {
  it('computes as its symbols do', () => {
    fc.assert(fc.property(polynomial, ([size, value]) => evaluated(size) === value));
  });

  it('is the same text for the same value', () => {
    expect(String(batch.times(seq).plus(n(2)))).toBe(String(n(2).plus(seq.times(batch))));
    expect(batch.minus(batch).value).toBe(0);
  });

  it('divides where nothing is left over', () => {
    expect(
      String(
        batch
          .times(seq)
          .times(n(12))
          .dividedBy(batch.times(n(4))),
      ),
    ).toBe('3*seq');
    expect(batch.dividedBy(seq)).toBeUndefined();
    expect(seq.plus(n(1)).dividedBy(n(2))).toBeUndefined();
    expect(String(seq.plus(n(1)).truncatedBy(n(2)))).toBe('trunc((1+seq)/(2))');
    expect(n(-7).truncatedBy(n(2))?.value).toBe(-3);
  });

  it('knows what a minimum cannot exceed', () => {
    const least = seq.min(n(512))!;
    expect(String(least)).toBe(String(n(512).min(seq)));
    expect([seq.isAtLeast(least), n(512).isAtLeast(least), least.isAtLeast(seq)]).toEqual([true, true, false]);
    expect(seq.min(seq.plus(n(1)))).toBe(seq);
  });

  it('tells the larger of two where that is sure', () => {
    expect(seq.max(seq.plus(n(1)))?.equals(seq.plus(n(1)))).toBe(true);
    expect(seq.max(seq)).toBe(seq);
    expect(seq.max(n(512))).toBeUndefined();
  });
});
