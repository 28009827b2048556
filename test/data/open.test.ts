import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/open.js';
import { npy } from './numpy.js';
import { scratch } from './scratch.js';

const file = scratch();

const PNG = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
  .png()
  .toBuffer();
const IDX = Buffer.from([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 5, 6]);

describe('openDataset', () => {
  it.each([
    [
      'a folder of images',
      'images',
      { 'images/cat/1.png': PNG, 'images/dog/1.png': PNG, 'images/notes.txt': 'hi' },
      'image',
      2,
    ],
    ['a flat folder', 'flat', { 'flat/1.png': PNG, 'flat/2.png': PNG }, 'image', 2],
    ['a folder of sounds', 'sounds', { 'sounds/yes/1.wav': 'RIFF', 'sounds/no/1.wav': 'RIFF' }, 'audio', 2],
    ['a folder of texts', 'texts', { 'texts/spam/1.txt': 'buy', 'texts/ham/1.txt': 'hello' }, 'text', 2],
    [
      'a folder with its table',
      'hub',
      { 'hub/metadata.csv': 'file_name,label\na.png,x\n', 'hub/a.png': PNG },
      'image',
      1,
    ],
    ['a table of images', 'i.csv', { 'i.csv': 'path,label\nimages/cat/1.png,cat\n' }, 'image', 1],
    ['a table of sounds', 's.jsonl', { 's.jsonl': '{"path": "sounds/yes/1.wav", "label": "yes"}\n' }, 'audio', 1],
    ['a table of texts', 't.tsv', { 't.tsv': 'text\tlabel\nhello\tx\n' }, 'text', 1],
    ['IDX', 'x-images-idx3-ubyte', { 'x-images-idx3-ubyte': IDX }, 'image', 1],
    ['IDX by its first bytes', 'pictures', { pictures: IDX }, 'image', 1],
    ['a folder with IDX', 'idx', { 'idx/x-images-idx3-ubyte': IDX }, 'image', 1],
    ['NPY', 'x.npy', { 'x.npy': npy('|u1', [2, 1], [1, 2]) }, 'arrays', 2],
  ])('opens %s', async (_, path, files, kind, size) => {
    for (const [name, content] of Object.entries(files)) file(name, content as string | Buffer);
    const data = await openDataset(file('.').concat(`/${path}`));
    expect([data.kind, data.size]).toEqual([kind, size]);
  });

  it.each([
    ['nothing.csv', { 'nothing.csv': '' }, /nothing.csv: is empty; give a file with samples/],
    [
      'some.bin',
      { 'some.bin': 'hello there' },
      /some.bin: is in no form of data that is known; give a folder of images/,
    ],
    [
      'mixed',
      { 'mixed/a/1.png': PNG, 'mixed/a/1.wav': 'RIFF' },
      /mixed: holds files of two kinds: a.1.png and a.1.wav/,
    ],
    ['bare', { 'bare/a/x.bin': 'x' }, /bare: holds no images, sounds or texts; their names end in .jpg/],
    ['missing', {}, /missing: there is no such file; check the path/],
  ])('refuses %s', async (path, files, message) => {
    for (const [name, content] of Object.entries(files)) file(name, content as string | Buffer);
    await expect(openDataset(file('.').concat(`/${path}`))).rejects.toThrow(message);
  });

  it('says which cell names no file', async () => {
    const path = file('odd.csv', 'id,where\n1,nowhere\n');
    await expect(openDataset(path, { inputColumn: 'where' })).rejects.toThrow(
      /odd.csv: line 2: column 'where' names no image or sound: "nowhere"/,
    );
  });
});
