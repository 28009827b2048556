import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { centreCrop, type Filter, PIL_FILTERS, resize, window } from '../../src/data/resize.js';
import type { RawImage } from '../../src/data/types.js';
import { picture } from './picture.js';

interface Case {
  source: [number, number];
  target: [number, number];
  channels: number;
  seed: number;
  filter: Filter;
  pixels: number[];
}

const CASES: Case[] = JSON.parse(readFileSync(new URL('./recorded/resize.json', import.meta.url), 'utf8'));

/** A grey image, its rows one after the other. */
function grey(width: number, ...data: number[]): RawImage {
  return { kind: 'image', width, height: data.length / width, channels: 1, data: Uint8Array.from(data) };
}

describe('resize', () => {
  it.each(CASES)("$filter from $source to $target with $channels channels equals PIL's", (recorded) => {
    const [width, height] = recorded.target;
    const image = picture(...recorded.source, recorded.channels, recorded.seed);
    expect([...resize(image, width, height, recorded.filter).data]).toEqual(recorded.pixels);
  });

  it('keeps a plain image plain, whatever the sizes', () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(
        size,
        size,
        size,
        size,
        fc.nat(255),
        fc.constantFrom(...PIL_FILTERS),
        (w, h, w2, h2, value, filter) => {
          const image = grey(w, ...new Array<number>(w * h).fill(value));
          return resize(image, w2, h2, filter).data.every((pixel) => Math.abs(pixel - value) <= 1);
        },
      ),
    );
  });

  it('hands back an image that has the size already', () => {
    const image = grey(2, 1, 2, 3, 4);
    expect(resize(image, 2, 2, 'bicubic')).toBe(image);
  });
});

describe('centreCrop', () => {
  const image = grey(5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);

  it('takes the middle', () => {
    expect([...centreCrop(image, 3, 2, 'floor').data]).toEqual([2, 3, 4, 7, 8, 9]);
  });

  it('rounds an odd margin down as Hugging Face does, or half to even as torchvision does', () => {
    expect([...centreCrop(image, 2, 2, 'floor').data]).toEqual([2, 3, 7, 8]);
    expect([...centreCrop(image, 2, 2, 'half-even').data]).toEqual([3, 4, 8, 9]);
    expect([...centreCrop(image, 4, 2, 'half-even').data]).toEqual([1, 2, 3, 4, 6, 7, 8, 9]);
  });

  it('pads with black where the image is smaller, with the larger margin first', () => {
    expect([...centreCrop(grey(2, 1, 2), 3, 3, 'floor').data]).toEqual([0, 0, 0, 0, 1, 2, 0, 0, 0]);
  });
});

describe('window', () => {
  it('may lie partly or wholly outside', () => {
    expect([...window(grey(2, 1, 2, 3, 4), 1, -1, 2, 2).data]).toEqual([0, 0, 2, 0]);
    expect([...window(grey(2, 1, 2, 3, 4), 5, 5, 2, 1).data]).toEqual([0, 0]);
  });
});
