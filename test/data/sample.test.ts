import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pickIndices } from '../../src/data/sample.js';

/** A data set with these labels. */
const labelled = (labels: (string | undefined)[]) => ({ size: labels.length, label: (index: number) => labels[index] });

describe('pickIndices', () => {
  it('takes everything where there is not more', () => {
    expect(pickIndices(labelled(['a', 'b']), 5, 0)).toEqual([0, 1]);
  });

  it('takes each class by its share', () => {
    const labels = Array.from({ length: 100 }, (_, index) => (index < 70 ? 'a' : index < 90 ? 'b' : 'c'));
    const picked = pickIndices(labelled(labels), 10, 1).map((index) => labels[index]);
    expect(picked.join('')).toBe('aaaaaaabbc');
  });

  it('picks the same for the same seed, other samples for another', () => {
    const data = labelled(new Array(1000).fill(undefined));
    expect(pickIndices(data, 20, 7)).toEqual(pickIndices(data, 20, 7));
    expect(pickIndices(data, 20, 7)).not.toEqual(pickIndices(data, 20, 8));
  });

  it('gives as many distinct ascending indices as asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', undefined)), fc.nat(40), fc.nat(), (labels, count, seed) => {
        const picked = pickIndices(labelled(labels), count, seed);
        expect(picked).toHaveLength(Math.min(count, labels.length));
        expect(picked).toEqual([...new Set(picked)].sort((a, b) => a - b));
      }),
    );
  });
});
