import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openImages, readImage } from '../../src/data/image-source.js';
import { scratch } from './scratch.js';

const file = scratch();

/** An image of the pixels given, interleaved. */
function image(width: number, channels: 1 | 2 | 3 | 4, ...pixels: number[]) {
  const height = pixels.length / width / channels;
  return sharp(Uint8Array.from(pixels), { raw: { width, height, channels } });
}

const grey = (...pixels: number[]) =>
  image(pixels.length, 1, ...pixels)
    .toColourspace('b-w')
    .png()
    .toBuffer();

describe('readImage', () => {
  it('keeps grey images at one channel', async () => {
    expect(await readImage(file('grey.png', await grey(0, 100, 255)))).toEqual({
      kind: 'image',
      width: 3,
      height: 1,
      channels: 1,
      data: Uint8Array.of(0, 100, 255),
    });
  });

  it('drops alpha', async () => {
    const bytes = await image(1, 4, 10, 20, 30, 0, 40, 50, 60, 255).png().toBuffer();
    const { channels, data } = await readImage(file('alpha.png', bytes));
    expect([channels, ...data]).toEqual([3, 10, 20, 30, 40, 50, 60]);
  });

  it('turns images as their EXIF data says', async () => {
    const bytes = await image(2, 3, 255, 0, 0, 0, 0, 255).withMetadata({ orientation: 6 }).png().toBuffer();
    const { width, height, data } = await readImage(file('turned.png', bytes));
    expect([width, height, ...data]).toEqual([1, 2, 255, 0, 0, 0, 0, 255]);
  });

  it('brings 16 bits to 8', async () => {
    const raw = { width: 2, height: 1, channels: 1, depth: 'ushort' } as const;
    const bytes = await sharp(Uint16Array.of(0x1000, 0xffff), { raw }).toColourspace('grey16').png().toBuffer();
    const { channels, data } = await readImage(file('deep.png', bytes));
    expect([channels, data.length, data[0], data[1]]).toEqual([1, 2, 0x10, 255]);
  });

  it('names files that cannot be decoded', async () => {
    const jpeg = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    await expect(readImage(file('cut.jpg', jpeg.subarray(0, jpeg.length - 40)))).rejects.toThrow(
      /cut.jpg: cannot be decoded: .*; replace or remove it/,
    );
    await expect(readImage(file('text.png', 'hello'))).rejects.toThrow(/text.png: cannot be decoded/);
    await expect(readImage(file('empty.png', ''))).rejects.toThrow(/empty.png: cannot be decoded/);
    await expect(readImage('nowhere.png')).rejects.toThrow('nowhere.png: there is no such file');
  });
});

describe('openImages', () => {
  it('opens a folder of class folders', async () => {
    file('classes/dog/1.png', await grey(1));
    file('classes/cat/1.png', await grey(2));
    const data = await openImages(file('classes'));
    expect([data.kind, data.size, data.classNames, data.describe(0), data.label(0)]).toEqual([
      'image',
      2,
      ['cat', 'dog'],
      'cat/1.png',
      'cat',
    ]);
    expect(await data.load(1)).toMatchObject({ data: Uint8Array.of(1) });
  });

  it('opens a manifest, files relative to it', async () => {
    file('manifest/pictures/a.png', await grey(7));
    const data = await openImages(file('manifest/test.csv', 'filename,class\npictures/a.png,x;y\n'));
    expect([data.size, data.label(0), data.classNames]).toEqual([1, ['x', 'y'], ['x', 'y']]);
    expect(await data.load(0)).toMatchObject({ data: Uint8Array.of(7) });
  });

  it('takes the columns that are named', async () => {
    const path = file('manifest/own.csv', 'where,what\npictures/a.png,3\n');
    const data = await openImages(path, { inputColumn: 'where', labelColumn: 'what' });
    expect([data.label(0), data.classNames]).toEqual(['3', undefined]);
    await expect(openImages(path)).rejects.toThrow(
      /own.csv: line 1: no column is named image, .*; it has 'where', 'what'/,
    );
  });
});
