import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAugmentations } from '../../../src/data/augment/parse.js';
import { AUGMENTATIONS } from '../../../src/data/augment/table.js';
import type { RawImage } from '../../../src/data/types.js';
import { type Random, seededRandom } from '../../../src/random.js';
import { picture } from '../picture.js';

const grey = (width: number, ...data: number[]): RawImage => ({
  kind: 'image',
  width,
  height: data.length / width,
  channels: 1,
  data: Uint8Array.from(data),
});

/** A stream of these numbers, over and over. */
function stream(...numbers: number[]): Random {
  let at = 0;
  return () => numbers[at++ % numbers.length]!;
}

/** Applies an augmentation of images by its text form. */
function augment(text: string, image: RawImage, random: Random): RawImage {
  const data = { dataset: { kind: 'image' as const }, preprocessor: {} };
  return parseAugmentations(text, data).list.reduce(
    (made, each) => (each.on === 'image' ? each.apply(made, random) : made),
    image,
  );
}

const pixels = (image: RawImage) => [...image.data];

describe('flip', () => {
  const image = grey(3, 1, 2, 3, 4, 5, 6);

  it('mirrors left and right, pixel by pixel', () => {
    expect(pixels(augment('flip', image, stream(0)))).toEqual([3, 2, 1, 6, 5, 4]);
    expect(pixels(augment('flip', { ...image, width: 2, height: 1, channels: 3 }, stream(0)))).toEqual([
      4, 5, 6, 1, 2, 3,
    ]);
  });

  it('mirrors top and bottom', () => {
    expect(pixels(augment('flip-vertical', image, stream(0)))).toEqual([4, 5, 6, 1, 2, 3]);
  });

  it('leaves half of the images as they are, or as many as asked for', () => {
    expect(augment('flip', image, stream(0.5))).toBe(image);
    expect(augment('flip=0.8', image, stream(0.75))).not.toBe(image);
  });
});

describe('crop', () => {
  const image = grey(3, 1, 2, 3, 4, 5, 6, 7, 8, 9);

  it('moves the image and mirrors it at the edges', () => {
    expect(pixels(augment('crop=1', image, stream(0.99, 0.5)))).toEqual([2, 3, 2, 5, 6, 5, 8, 9, 8]);
    expect(pixels(augment('crop=1', image, stream(0, 0.99)))).toEqual([5, 4, 5, 8, 7, 8, 5, 4, 5]);
  });

  it('fills with black where told to', () => {
    expect(pixels(augment('crop=1:zero', image, stream(0, 0.99)))).toEqual([0, 4, 5, 0, 7, 8, 0, 0, 0]);
  });

  it('takes a share of the shorter edge', () => {
    expect(pixels(augment('crop=0.3', image, stream(0.99, 0.5)))).toEqual([2, 3, 2, 5, 6, 5, 8, 9, 8]);
    expect(augment('crop=0.1', image, stream(0.99))).toBe(image);
  });
});

describe('erase', () => {
  it('overwrites a rectangle of the size drawn with random pixels', () => {
    const image = grey(10, ...new Array(100).fill(0));
    // happens; area 0.25 of the image, square; in the corner; pixels of 0.5 · 256
    const random = stream(0, (0.25 - 0.02) / 0.38, (1 - 0.3) / (1 / 0.3 - 0.3), 0, 0, ...new Array(25).fill(0.5));
    const erased = augment('erase=1', image, random);
    expect(pixels(erased).filter((pixel) => pixel === 128)).toHaveLength(25);
    expect(pixels(erased).slice(0, 6)).toEqual([128, 128, 128, 128, 128, 0]);
  });

  it('erases between 2 and 40 % of the image, or as much as told', () => {
    const image = grey(40, ...new Array(1600).fill(0));
    const share = (text: string, seed: number) =>
      pixels(augment(text, image, seededRandom(seed))).filter(Boolean).length / 1600;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(share('erase=1', seed)).toBeLessThan(0.43);
        expect(share('erase=1', seed)).toBeGreaterThan(0.01);
        expect(share('erase=1:0.1', seed)).toBeLessThan(0.12);
      }),
    );
  });
});

describe('rotate, shift and zoom', () => {
  const image = grey(3, 10, 20, 30, 40, 50, 60, 70, 80, 90);

  it('turn by a right angle exactly', () => {
    expect(pixels(augment('rotate=90', image, stream(1)))).toEqual([30, 60, 90, 20, 50, 80, 10, 40, 70]);
  });

  it('move by fractions of pixels', () => {
    expect(pixels(augment('shift=0.16666666666666666', image, stream(1, 0.5))).slice(0, 3)).toEqual([15, 25, 30]);
  });

  it('repeat the edge, or fill with black', () => {
    expect(pixels(augment('shift=1', image, stream(1, 0.5)))).toEqual([30, 30, 30, 60, 60, 60, 90, 90, 90]);
    expect(pixels(augment('shift=1:zero', image, stream(1, 0.5)))).toEqual(new Array(9).fill(0));
  });

  it('enlarge about the centre', () => {
    expect(pixels(augment('zoom=0.9', image, stream(0.5)))).toEqual(pixels(image));
    expect(augment('zoom=0.5', grey(3, 0, 0, 0, 0, 90, 0, 0, 0, 0), stream(1)).data[3]).toBe(30);
  });
});

describe('brightness, contrast and saturation', () => {
  it('multiply, and clamp', () => {
    expect(pixels(augment('brightness=0.5', grey(3, 10, 100, 200), stream(1)))).toEqual([15, 150, 255]);
  });

  it('spread about the mean', () => {
    expect(pixels(augment('contrast=0.5', grey(2, 100, 200), stream(0)))).toEqual([125, 175]);
  });

  it('take colour away, and leave grey images', () => {
    const red = { ...grey(1, 200, 0, 0), width: 1, height: 1, channels: 3 };
    const luminance = 60;
    expect(pixels(augment('saturation=1', red, stream(0)))).toEqual([luminance, luminance, luminance]);
    expect(pixels(augment('saturation=1', grey(1, 7), stream(0)))).toEqual([7]);
  });
});

it.each(Object.keys(AUGMENTATIONS.image))(
  '%s keeps the size, does not write to the image, and is the same for a seed',
  (name) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(1, 3),
        fc.nat(),
        (w, h, c, seed) => {
          const image = picture(w, h, c, seed);
          const before = image.data.slice();
          const changed = augment(name, image, seededRandom(seed));
          expect(changed).toMatchObject({ kind: 'image', width: w, height: h, channels: c });
          expect(changed.data).toHaveLength(w * h * c);
          expect(image.data).toEqual(before);
          expect(augment(name, image, seededRandom(seed))).toEqual(changed);
        },
      ),
    );
  },
);
