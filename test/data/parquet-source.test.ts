import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/open.js';
import { openParquet } from '../../src/data/parquet-source.js';
import type { Dataset } from '../../src/data/types.js';
import { scratch } from './scratch.js';

const file = scratch();
const recorded = (name: string) => fileURLToPath(new URL(`recorded/${name}`, import.meta.url));

/** A grey image of one pixel. */
const png = (grey: number) =>
  sharp(Uint8Array.of(grey), { raw: { width: 1, height: 1, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();

const parquet = (columnData: ColumnSource[], options: { rowGroupSize?: number; pageSize?: number } = {}) =>
  new Uint8Array(parquetWriteBuffer({ columnData, ...options }));
const texts = (texts: string[], labels: string[]) =>
  parquet([
    { name: 'text', data: texts, type: 'STRING' },
    { name: 'label', data: labels, type: 'STRING' },
  ]);

const labelsOf = (data: Dataset) => Array.from({ length: data.size }, (_, index) => data.label(index));
const loadAll = (data: Dataset) => Promise.all(Array.from({ length: data.size }, (_, index) => data.load(index)));

describe('openParquet', () => {
  it('opens images of the Hugging Face hub: structs of bytes, class names in the order of their indices', async () => {
    const data = await openDataset(recorded('images-zstd.parquet'));
    expect(data).toMatchObject({ kind: 'image', size: 5, classNames: ['zebra', 'ant', 'bee'] });
    expect(labelsOf(data)).toEqual(['zebra', 'ant', 'bee', 'ant', undefined]);
    const images = await loadAll(data);
    expect(images.map((image) => image.kind === 'image' && [...image.data])).toEqual(
      [0, 10, 20, 30, 40].map((grey) => [grey, grey]),
    );
    expect(data.describe(3)).toBe('row 3');
  });

  it('opens texts of the hub with several labels each', async () => {
    const data = await openDataset(recorded('texts-brotli.parquet'), { labelColumn: 'emotions' });
    expect(data).toMatchObject({ kind: 'text', size: 3, classNames: ['zebra', 'ant', 'bee'] });
    expect(labelsOf(data)).toEqual([['zebra', 'bee'], [], ['ant']]);
    expect(await data.load(2)).toEqual({ kind: 'text', text: 'très' });
  });

  it('finds the label column by its class names where it has no usual name', async () => {
    const data = await openParquet(recorded('texts-brotli.parquet'));
    expect(data.label(0)).toEqual(['zebra', 'bee']);
  });

  it('opens plain bytes, and loads them in any order, whatever the row groups and pages', async () => {
    const greys = Array.from({ length: 40 }, (_, index) => index * 5);
    const content = parquet(
      [
        { name: 'picture', data: await Promise.all(greys.map(png)), type: 'BYTE_ARRAY' },
        { name: 'target', data: BigInt64Array.from(greys, (grey) => BigInt(grey % 3)), type: 'INT64' },
      ],
      { rowGroupSize: 7, pageSize: 100 },
    );
    const data = await openParquet(file('plain.parquet', content));
    expect(data).toMatchObject({ kind: 'image', size: 40, classNames: undefined });
    expect(labelsOf(data)).toEqual(greys.map((grey) => grey % 3));
    for (const index of [39, 0, 7, 6, 20, 8]) {
      expect(await data.load(index)).toMatchObject({ width: 1, data: Uint8Array.of(index * 5) });
    }
  });

  it('opens sounds', async () => {
    const wav = Buffer.from(
      '524946462800000057415645666d74201000000001000100401f0000803e0000020010006461746104000000004000c0',
      'hex',
    );
    const data = await openParquet(
      file('audio.parquet', parquet([{ name: 'audio', data: [wav], type: 'BYTE_ARRAY' }])),
    );
    expect(data.label(0)).toBeUndefined();
    expect(await data.load(0)).toEqual({ kind: 'audio', sampleRate: 8000, samples: Float32Array.of(0.5, -0.5) });
  });

  it('finds text columns as in any table, pairs too', async () => {
    const columns: ColumnSource[] = [
      { name: 'hypothesis', data: ['b'], type: 'STRING' },
      { name: 'premise', data: ['a'], type: 'STRING' },
      { name: 'embedding', data: [Uint8Array.of(1, 2)], type: 'BYTE_ARRAY' },
      { name: 'label', data: Int32Array.of(2), type: 'INT32' },
    ];
    const data = await openParquet(file('pair.parquet', parquet(columns)), { textColumn: 'premise' });
    expect(await data.load(0)).toEqual({ kind: 'text', text: 'a' });
    expect(data.label(0)).toBe(2);
    const pair = await openParquet(file('pair2.parquet', parquet(columns.filter(({ name }) => name !== 'embedding'))));
    expect(await pair.load(0)).toEqual({ kind: 'text', text: 'a', pair: 'b' });
  });

  it('reads strings that say nothing of their encoding', async () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    const content = parquet([
      { name: 'text', data: [bytes('naïve')], type: 'BYTE_ARRAY' },
      { name: 'label', data: [bytes('x')], type: 'BYTE_ARRAY' },
    ]);
    const data = await openParquet(file('bytes.parquet', content));
    expect([await data.load(0), data.label(0)]).toEqual([{ kind: 'text', text: 'naïve' }, 'x']);
  });

  it('opens a folder of shards as one, and one split of several', async () => {
    file('shards/data/train-00000-of-00002.parquet', texts(['a', 'b'], ['x', 'y']));
    const second = file('shards/data/train-00001-of-00002.parquet', texts(['c'], ['z']));
    const train = await openDataset(file('shards'));
    expect([train.size, labelsOf(train), train.classNames]).toEqual([3, ['x', 'y', 'z'], ['x', 'y', 'z']]);
    expect(train.describe(2)).toBe('data/train-00001-of-00002.parquet: row 0');
    expect((await openDataset(second)).size).toBe(1);
    file('shards/data/test-00000-of-00001.parquet', texts(['d'], ['x']));
    expect(await (await openDataset(file('shards'), { split: 'test' })).load(0)).toMatchObject({ text: 'd' });
    await expect(openDataset(file('shards'))).rejects.toThrow(
      /shards: holds several parts: test, train; name one of them with --split$/,
    );
    await expect(openDataset(file('shards'), { split: 'dev' })).rejects.toThrow(
      /shards: has no split 'dev'; it has test, train$/,
    );
  });

  it('knows splits by their folders', async () => {
    file('converted/train/0000.parquet', texts(['a'], ['x']));
    file('converted/validation/0000.parquet', texts(['b', 'c'], ['x', 'y']));
    expect((await openDataset(file('converted'), { split: 'validation' })).size).toBe(2);
  });

  it('refuses folders that lack a shard or mix tables', async () => {
    file('gap/test-00000-of-00002.parquet', texts(['a'], ['x']));
    await expect(openDataset(file('gap'))).rejects.toThrow(
      /gap: lacks shard 00001 of the 2 of test; fetch it too, or name a single file/,
    );
    file('mixed/a.parquet', texts(['a'], ['x']));
    file('mixed/b.parquet', parquet([{ name: 'text', data: ['a'], type: 'STRING' }]));
    await expect(openDataset(file('mixed'))).rejects.toThrow(/b.parquet: has no column 'label', a.parquet has; keep/);
  });

  const whole = texts(['a', 'b'], ['x', 'y']);
  it.each([
    ['cut.parquet', whole.subarray(0, -20), /cut.parquet: is cut off: it does not end with PAR1; fetch/],
    ['short.parquet', whole.subarray(0, 6), /short.parquet: is cut off/],
    ['other.parquet', Buffer.from('hello there, you'), /other.parquet: is not a Parquet file; it would begin/],
    ['secret.parquet', Buffer.from('PARE............PARE'), /secret.parquet: is encrypted; write it without/],
    ['footer.parquet', damaged(whole, whole.length - 60), /footer.parquet: is damaged: /],
    ['page.parquet', damaged(whole, 6), /page.parquet: is damaged: /],
    ['empty.parquet', texts([], []), /empty.parquet: has no rows; give at least one sample/],
    [
      'none.parquet',
      parquet([
        { name: 'id', data: Int32Array.of(1), type: 'INT32' },
        { name: 'size', data: Int32Array.of(2), type: 'INT32' },
      ]),
      /none.parquet: no column is named text.*it has 'id', 'size'; name the column with --text-column$/,
    ],
    [
      'odd.parquet',
      parquet([{ name: 'image', data: [Uint8Array.of(1, 2, 3, 4)], type: 'BYTE_ARRAY' }]),
      /odd.parquet: column 'image' holds no image or sound of a known format; its bytes begin with 01020304/,
    ],
    [
      'two.parquet',
      parquet(['left', 'right'].map((name) => ({ name, data: [Uint8Array.of(1)], type: 'BYTE_ARRAY' as const }))),
      /two.parquet: 'left' or 'right' may be meant; it has 'left', 'right'; name the column with --input-column/,
    ],
  ])('refuses %s in one line', async (name, content, message) => {
    await expect(openDataset(file(name, content))).rejects.toThrow(message);
  });

  it('names the row without an image, the missing column and the unknown label', async () => {
    const image = { name: 'image', data: [await png(1), undefined], type: 'BYTE_ARRAY' as const, nullable: true };
    const path = file('holes.parquet', parquet([image]));
    await expect((await openParquet(path)).load(1)).rejects.toThrow(
      /holes.parquet: row 1: column 'image' holds no bytes; put the contents of the files into the column/,
    );
    await expect(openParquet(path, { labelColumn: 'kind' })).rejects.toThrow(
      /holes.parquet: has no column 'kind'; it has 'image'/,
    );
    const features = { label: { _type: 'ClassLabel', names: ['a'] } };
    const content = parquetWriteBuffer({
      columnData: [
        { name: 'text', data: ['x'], type: 'STRING' },
        { name: 'label', data: Int32Array.of(1), type: 'INT32' },
      ],
      kvMetadata: [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }],
    });
    await expect(openParquet(file('label.parquet', new Uint8Array(content)))).rejects.toThrow(
      /label.parquet: row 0: label 1 is none of the 1 classes that the file names/,
    );
  });

  it('names the way of packing that it does not know', async () => {
    const content = Buffer.from(
      parquetWriteBuffer({
        columnData: [{ name: 'text', data: ['x'], type: 'STRING' }],
        codec: 'LZO',
        compressors: { LZO: (bytes) => bytes },
      }),
    );
    await expect(openParquet(file('lzo.parquet', content))).rejects.toThrow(
      /lzo.parquet: is packed with LZO, which is not known; write it with SNAPPY, GZIP, ZSTD, BROTLI or LZ4/,
    );
  });

  it('is known by its first bytes', async () => {
    const path = file('unnamed', readFileSync(recorded('images-zstd.parquet')));
    expect((await openDataset(path)).kind).toBe('image');
  });
});

/** The bytes with one of them changed. */
function damaged(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 0xff;
  return copy;
}
