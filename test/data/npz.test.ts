import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { openNpz, readNpz } from '../../src/data/npz.js';
import { npy } from './numpy.js';
import { scratch } from './scratch.js';

const file = scratch();

/** numpy.savez and savez_compressed(f, x=numpy.arange(6, dtype="f4").reshape(3, 2), labels=numpy.array([2, 0, 1])). */
const SAVED = {
  savez:
    'UEsDBC0AAAAAAAAAIQDMypy9//////////8FABQAeC5ucHkBABAAmAAAAAAAAACYAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCAyKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAAAgD8AAABAAABAQAAAgEAAAKBAUEsDBC0AAAAAAAAAIQCKGs4T//////////8KABQAbGFiZWxzLm5weQEAEACYAAAAAAAAAJgAAAAAAAAAk05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoCAAAAAAAAAAAAAAAAAAAAAQAAAAAAAABQSwECLQMtAAAAAAAAACEAzMqcvZgAAACYAAAABQAAAAAAAAAAAAAAgAEAAAAAeC5ucHlQSwECLQMtAAAAAAAAACEAihrOE5gAAACYAAAACgAAAAAAAAAAAAAAgAHPAAAAbGFiZWxzLm5weVBLBQYAAAAAAgACAGsAAACjAQAAAAA=',
  savez_compressed:
    'UEsDBC0AAAAIAAAAIQDMypy9//////////8FABQAeC5ucHkBABAAmAAAAAAAAABVAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6CkaaOgq1CmQDLgYwaLAHEg5ABMQNQLzAAQBQSwMELQAAAAgAAAAhAIoazhP//////////woAFABsYWJlbHMubnB5AQAQAJgAAAAAAAAASgAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mhrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RrGOpo6CrUKFAAuJgZUwAilAVBLAQItAy0AAAAIAAAAIQDMypy9VQAAAJgAAAAFAAAAAAAAAAAAAACAAQAAAAB4Lm5weVBLAQItAy0AAAAIAAAAIQCKGs4TSgAAAJgAAAAKAAAAAAAAAAAAAACAAYwAAABsYWJlbHMubnB5UEsFBgAAAAACAAIAawAAABIBAAAAAA==',
};

describe('readNpz', () => {
  it.each(Object.entries(SAVED))('reads what numpy.%s wrote', async (name, base64) => {
    expect(await readNpz(file(`${name}.npz`, Buffer.from(base64, 'base64')))).toEqual({
      x: { type: 'float32', dims: [3, 2], data: Float32Array.of(0, 1, 2, 3, 4, 5) },
      labels: { type: 'int64', dims: [3], data: BigInt64Array.of(2n, 0n, 1n) },
    });
  });

  it('refuses what is no archive, or has a damaged array', async () => {
    await expect(readNpz(file('no.npz', 'hello'))).rejects.toThrow(/no.npz: is not an NPZ file or is damaged/);
    await expect(readNpz(file('bad.npz', zipSync({ 'x.npy': Buffer.from('hello world!') })))).rejects.toThrow(
      /bad.npz: array 'x': is not a NumPy array/,
    );
    const cut = Buffer.from(SAVED.savez_compressed, 'base64').subarray(0, 300);
    await expect(readNpz(file('cut.npz', cut))).rejects.toThrow(/cut.npz: is not an NPZ file or is damaged/);
  });
});

/** An NPZ file of the arrays given. */
function npz(name: string, arrays: Record<string, Buffer>): string {
  return file(name, zipSync(Object.fromEntries(Object.entries(arrays).map(([key, bytes]) => [`${key}.npy`, bytes]))));
}

const X = npy('|u1', [3, 2], [1, 2, 3, 4, 5, 6]);

describe('openNpz', () => {
  it('takes inputs by name and labels', async () => {
    const data = await openNpz(file('data.npz', Buffer.from(SAVED.savez, 'base64')));
    expect([data.kind, data.size, data.label(0), data.label(2)]).toEqual(['arrays', 3, 2, 1]);
    expect(await data.load(2)).toEqual({
      kind: 'arrays',
      arrays: { x: { type: 'float32', dims: [2], data: Float32Array.of(4, 5) } },
    });
  });

  it('takes rows of 0 and 1 as classes: one per sample, or several', async () => {
    const single = await openNpz(npz('single.npz', { X, y: npy('|u1', [3, 2], [0, 1, 1, 0, 0, 1]) }));
    expect([0, 1, 2].map((index) => single.label(index))).toEqual([1, 0, 1]);
    const several = await openNpz(npz('several.npz', { X, y: npy('|u1', [3, 2], [0, 0, 1, 1, 0, 1]) }));
    expect([0, 1, 2].map((index) => several.label(index))).toEqual([[], [0, 1], [1]]);
  });

  it('takes whole floats as indices', async () => {
    const data = await openNpz(npz('whole.npz', { X, y: npy('<f2', [3], [0, 0, 0, 0x3c, 0, 0x40]) }));
    expect([0, 1, 2].map((index) => data.label(index))).toEqual([0, 1, 2]);
  });

  it('takes names as labels, from the array that is named', async () => {
    const data = await openNpz(npz('names.npz', { X, kind: npy('|S1', [3], [98, 97, 98]) }), { labelColumn: 'kind' });
    expect([data.label(0), data.classNames]).toEqual(['b', ['a', 'b']]);
  });

  it.each([
    ['uneven.npz', { X, labels: npy('|u1', [2], [0, 1]) }, {}, /'X' has 3 samples, 'uneven.npz' has 2/],
    [
      'floats.npz',
      { X, labels: npy('<f2', [3], [0, 0, 0, 0x3e, 0, 0]) },
      {},
      /floats.npz: row 1: 1.5 is not a label; class indices are whole/,
    ],
    [
      'odd.npz',
      { X, labels: npy('|u1', [3, 2], [0, 2, 0, 1, 0, 1]) },
      {},
      /odd.npz: row 0: 2 is not a label; rows of labels hold 0 and 1/,
    ],
    ['only.npz', { labels: npy('|u1', [3], [0, 1, 2]) }, {}, /only.npz: holds no input array/],
    ['other.npz', { X }, { labelColumn: 'z' }, /other.npz: has no array 'z'; it has X/],
  ])('refuses %s', async (name, arrays, options, message) => {
    await expect(openNpz(npz(name, arrays as Record<string, Buffer>), options)).rejects.toThrow(message);
  });
});
