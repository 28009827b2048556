import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overlapOf, splitHoldOut } from '../../src/data/split.js';
import type { Dataset } from '../../src/data/types.js';
import { UserError } from '../../src/errors.js';

type Targets = (number | number[] | undefined)[];

/** Data with these targets. */
function withTargets(targets: Targets) {
  const dataset = { size: targets.length } as Dataset;
  return { dataset, labels: { targets, classes: [], labelled: true } };
}

describe('splitHoldOut', () => {
  it('holds out each class by its share', () => {
    const targets = Array.from({ length: 100 }, (_, index) => (index < 70 ? 0 : index < 90 ? 1 : 2));
    const { held } = splitHoldOut(withTargets(targets), 0.1, 1);
    expect(held.map((index) => targets[index]).join('')).toBe('0000000112');
  });

  it('gives disjoint parts that are all the samples together, and a sample of each class to learn from', () => {
    const target = fc.oneof(fc.nat(4), fc.uniqueArray(fc.nat(4)));
    fc.assert(
      fc.property(
        fc.array(target, { maxLength: 60 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        fc.nat(),
        (targets, share, seed) => {
          const { train, held } = splitHoldOut(withTargets(targets), share, seed);
          expect([...train, ...held].sort((a, b) => a - b)).toEqual(targets.map((_, index) => index));
          expect(held.length).toBeLessThanOrEqual(Math.round(share * targets.length));
          const single = targets.filter((one) => typeof one === 'number');
          if (single.length === targets.length) {
            expect(new Set(train.map((index) => targets[index]))).toEqual(new Set(single));
          }
        },
      ),
    );
  });

  it('is the same for the same seed', () => {
    const data = withTargets(new Array(100).fill(0));
    expect(splitHoldOut(data, 0.2, 5)).toEqual(splitHoldOut(data, 0.2, 5));
    expect(splitHoldOut(data, 0.2, 5).held).not.toEqual(splitHoldOut(data, 0.2, 6).held);
  });

  it('counts samples with several labels as of the rarest', () => {
    const targets: Targets = Array.from({ length: 40 }, (_, index) => (index % 4 === 0 ? [0, 1] : [0]));
    const { held } = splitHoldOut(withTargets(targets), 0.5, 2);
    expect(held.filter((index) => index % 4 === 0)).toHaveLength(5);
    expect(held).toHaveLength(20);
  });
});

/** Texts, of which those that are undefined cannot be read. */
function texts(path: string, content: (string | undefined)[]): Dataset {
  return {
    path,
    kind: 'text',
    size: content.length,
    label: () => undefined,
    describe: (index) => `row ${index}`,
    async load(index) {
      const text = content[index];
      if (text === undefined) throw new UserError('cannot be read');
      return { kind: 'text', text };
    },
  };
}

describe('overlapOf', () => {
  it('finds test samples that are training samples, wherever they stand', async () => {
    const train = texts('a.csv', ['one', 'two', undefined, 'three']);
    const test = texts('b.csv', ['three', 'four', 'one', undefined]);
    expect(await overlapOf(train, test)).toEqual({ samePath: false, shared: [0, 2], compared: { test: 4, train: 4 } });
  });

  it('knows the same file without reading it', async () => {
    const unread = { ...texts('a.csv', ['x', 'y']), load: () => Promise.reject(new Error('was read')) };
    expect(await overlapOf(unread, { ...unread })).toMatchObject({ samePath: true, shared: [0, 1] });
  });

  it('looks at a random part of large data', async () => {
    const same = Array.from({ length: 100 }, (_, index) => String(index));
    const { shared, compared } = await overlapOf(texts('a', same), texts('b', same), { most: 50, seed: 1 });
    expect(compared).toEqual({ test: 50, train: 50 });
    expect(shared).toHaveLength(50);
  });

  it('tells arrays and pictures apart by what they hold', async () => {
    const picture = (value: number, width: number): Dataset => ({
      ...texts(`${value} ${width}`, ['']),
      kind: 'image',
      load: async () => ({ kind: 'image', width, height: 6 / width, channels: 1, data: new Uint8Array(6).fill(value) }),
    });
    expect((await overlapOf(picture(1, 2), picture(1, 2))).shared).toEqual([0]);
    expect((await overlapOf(picture(1, 2), picture(1, 3))).shared).toEqual([]);
    expect((await overlapOf(picture(1, 2), picture(2, 2))).shared).toEqual([]);
  });
});
