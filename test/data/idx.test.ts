import { dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isIdxName, openIdx, readIdx } from '../../src/data/idx.js';
import { scratch } from './scratch.js';

const file = scratch();

/** An IDX file: a type code, dims, and the bytes of the elements. */
function idx(code: number, dims: number[], body: number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt8(code, 2);
  header.writeUInt8(dims.length, 3);
  for (const [axis, dim] of dims.entries()) header.writeUInt32BE(dim, 4 + 4 * axis);
  return Buffer.concat([header, Buffer.from(body)]);
}

const IMAGES = idx(8, [2, 1, 3], [1, 2, 3, 4, 5, 6]);
const LABELS = idx(8, [2], [7, 9]);

describe('openIdx', () => {
  it('opens images with the labels beside them', async () => {
    const path = file('pair/t10k-images-idx3-ubyte.gz', gzipSync(IMAGES));
    file('pair/t10k-labels-idx1-ubyte', LABELS);
    const data = await openIdx(path);
    expect([data.kind, data.size, data.label(0), data.label(1), data.classNames]).toEqual([
      'image',
      2,
      7,
      9,
      undefined,
    ]);
    expect(await data.load(1)).toEqual({
      kind: 'image',
      width: 3,
      height: 1,
      channels: 1,
      data: Uint8Array.of(4, 5, 6),
    });
    expect((await openIdx(dirname(path))).size).toBe(2);
  });

  it('opens images without labels, and colour images', async () => {
    expect((await openIdx(file('alone/images.idx3-ubyte', IMAGES))).label(0)).toBeUndefined();
    const colour = await openIdx(file('colour/images-idx4-ubyte', idx(8, [1, 1, 2, 3], [1, 2, 3, 4, 5, 6])));
    expect(await colour.load(0)).toMatchObject({ width: 2, height: 1, channels: 3 });
  });

  it('hands on other types as arrays', async () => {
    const data = await openIdx(file('arrays/features.idx', idx(13, [2, 1], [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0])));
    expect(data.kind).toBe('arrays');
    expect(await data.load(1)).toEqual({
      kind: 'arrays',
      arrays: { 'features.idx': { type: 'float32', dims: [1], data: Float32Array.of(-2) } },
    });
  });

  it('asks which of several pairs is meant', async () => {
    const folder = dirname(file('several/t10k-images-idx3-ubyte', IMAGES));
    file('several/train-images-idx3-ubyte', idx(8, [1, 1, 1], [1]));
    await expect(openIdx(folder)).rejects.toThrow(
      /holds several data sets: t10k-images-idx3-ubyte, train-images-idx3-ubyte; name one of them: .*t10k-images/,
    );
    expect((await openIdx(folder, { split: 'train' })).size).toBe(1);
    await expect(openIdx(folder, { split: 'val' })).rejects.toThrow(/whose name begins with 'val'; it holds t10k/);
  });

  it('refuses labels in place of samples, and pairs of different length', async () => {
    await expect(openIdx(file('wrong/train-labels-idx1-ubyte', LABELS))).rejects.toThrow(/holds labels, not samples/);
    const path = file('uneven/a-images-idx3-ubyte', IMAGES);
    file('uneven/a-labels-idx1-ubyte', idx(8, [3], [1, 2, 3]));
    await expect(openIdx(path)).rejects.toThrow(/has 2 samples, 'a-labels-idx1-ubyte' has 3/);
  });
});

describe('readIdx', () => {
  it('swaps big-endian elements', async () => {
    expect(await readIdx(file('i16.idx', idx(11, [2], [0, 1, 0xff, 0xfe])))).toEqual({
      type: 'int16',
      dims: [2],
      data: Int16Array.of(1, -2),
    });
  });

  it.each([
    ['empty.idx', Buffer.alloc(0), /empty.idx: is not an IDX file/],
    ['text.idx', Buffer.from('hello world'), /is not an IDX file/],
    ['header.idx', idx(8, [2], [1, 2]).subarray(0, 6), /is not an IDX file/],
    ['cut.idx', idx(8, [4], [1, 2]), /holds 2 bytes where \[4\] uint8 takes 4; fetch it again/],
    ['cut.idx.gz', gzipSync(IMAGES).subarray(0, 15), /is damaged or not gzip/],
  ])('refuses %s', async (name, content, message) => {
    await expect(readIdx(file(name, content))).rejects.toThrow(message);
  });
});

describe('isIdxName', () => {
  it('knows the usual names', () => {
    expect(
      ['t10k-images-idx3-ubyte.gz', 'train-images.idx3-ubyte', 'emnist-letters-test-images-idx3-ubyte', 'x.idx'].every(
        isIdxName,
      ),
    ).toBe(true);
    expect(['a.png', 'index.csv', 'bytes.txt'].some(isIdxName)).toBe(false);
  });
});
