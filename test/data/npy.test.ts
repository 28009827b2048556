import { describe, expect, it } from 'vitest';
import { openNpy, openNpyRows, parseNpy } from '../../src/data/npy.js';
import { npy } from './numpy.js';
import { scratch } from './scratch.js';

const file = scratch();

describe('parseNpy', () => {
  it.each([
    ['|u1', [2], [1, 255], 'uint8', Uint8Array.of(1, 255)],
    ['|b1', [2], [1, 0], 'bool', Uint8Array.of(1, 0)],
    ['<i2', [2], [1, 0, 0xfe, 0xff], 'int16', Int16Array.of(1, -2)],
    ['>i2', [2], [0, 1, 0xff, 0xfe], 'int16', Int16Array.of(1, -2)],
    ['<f2', [2], [0, 0x3c, 0, 0xc1], 'float16', Uint16Array.of(0x3c00, 0xc100)],
    ['>f2', [2], [0x3c, 0, 0xc1, 0], 'float16', Uint16Array.of(0x3c00, 0xc100)],
    ['>f4', [1], [0xc0, 0, 0, 0], 'float32', Float32Array.of(-2)],
    ['<f8', [1], [0, 0, 0, 0, 0, 0, 0, 0xc0], 'float64', Float64Array.of(-2)],
    ['<i8', [1], [5, 0, 0, 0, 0, 0, 0, 0], 'int64', BigInt64Array.of(5n)],
    ['>u8', [1], [0, 0, 0, 0, 0, 0, 1, 0], 'uint64', BigUint64Array.of(256n)],
    ['<u4', [1], [1, 0, 0, 128], 'uint32', Uint32Array.of(0x80000001)],
  ])('reads %s', (descr, dims, body, type, data) => {
    expect(parseNpy('a.npy', npy(descr, dims, body))).toEqual({ type, dims, data });
  });

  it('reads text as NumPy stores it', () => {
    const wide = [0x62, 0, 0, 0, 0, 0, 0, 0, 0xe4, 0, 0, 0, 0xf6, 0, 0, 0];
    expect(parseNpy('a.npy', npy('<U2', [2], wide)).data).toEqual(['b', 'äö']);
    expect(parseNpy('a.npy', npy('|S2', [2], [0x61, 0, 0x62, 0x63])).data).toEqual(['a', 'bc']);
  });

  it('turns column-major into row-major', () => {
    const bytes = [0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5, 0];
    expect(parseNpy('a.npy', npy('<i2', [2, 3], bytes, { fortran: true })).data).toEqual(
      Int16Array.of(0, 1, 2, 3, 4, 5),
    );
  });

  it('reads the wider headers of versions 2 and 3', () => {
    for (const version of [2, 3])
      expect(parseNpy('a.npy', npy('|u1', [1], [9], { version })).data).toEqual(Uint8Array.of(9));
  });

  it.each([
    [Buffer.from('not numpy at all'), 'a.npy: is not a NumPy array; save it again with numpy.save'],
    [npy('|O', [1], [0]), 'a.npy: holds Python objects; save numbers'],
    [npy('<c8', [1], [0]), 'a.npy: holds elements of type <c8'],
    [npy('<f4', [3], [0, 0, 0, 0]), 'a.npy: is cut off: [3] float32 takes 12 bytes, 4 are there'],
  ])('refuses bad files', (bytes, message) => {
    expect(() => parseNpy('a.npy', bytes)).toThrow(message);
  });
});

describe('openNpyRows', () => {
  it('reads rows from windows of the file', async () => {
    const rows = 5000;
    const body = Buffer.alloc(rows * 600);
    for (let row = 0; row < rows; row++) body.writeUInt16LE(row, row * 600);
    const array = await openNpyRows(file('big.npy', npy('<u2', [rows, 300], body)));
    expect(array.dims).toEqual([rows, 300]);
    for (const row of [0, 1747, 1748, 4999, 3]) {
      const { dims, data } = await array.row(row);
      expect([dims, data.length, data[0]]).toEqual([[300], 300, row]);
    }
  });
});

describe('openNpy', () => {
  it('takes the labels beside it', async () => {
    const data = await openNpy(file('x.npy', npy('|u1', [2, 2], [1, 2, 3, 4])));
    expect(data.label(0)).toBeUndefined();
    file('x.labels.npy', npy('<i4', [2], [1, 0, 0, 0, 0, 0, 0, 0]));
    const labelled = await openNpy(file('x.npy', npy('|u1', [2, 2], [1, 2, 3, 4])));
    expect([labelled.label(0), labelled.label(1)]).toEqual([1, 0]);
    expect(await labelled.load(1)).toEqual({
      kind: 'arrays',
      arrays: { x: { type: 'uint8', dims: [2], data: Uint8Array.of(3, 4) } },
    });
  });

  it.each([
    ['scalar.npy', npy('|u1', [], [1]), /array 'scalar' is a single number/],
    ['none.npy', npy('|u1', [0, 3], []), /none.npy: has no samples/],
  ])('refuses %s', async (name, bytes, message) => {
    await expect(openNpy(file(name, bytes))).rejects.toThrow(message);
  });
});
