import { toGrey } from '../image-steps.js';
import type { RawImage } from '../types.js';
import { type AugmentationRow, between, type Parameter } from './augmentation.js';

const strength: Parameter = { name: 'strength', least: 0, most: 1, default: 0.2 };

/** A row that draws a factor in 1 − strength … 1 + strength. */
function byFactor(about: string, change: (image: RawImage, factor: number) => RawImage): AugmentationRow {
  return {
    about,
    parameters: [strength],
    make: ([most]) => ({
      on: 'image',
      apply: (image, random) => change(image, between(random, 1 - most!, 1 + most!)),
    }),
  };
}

/** Multiplies all pixels (Howard 2013, arXiv:1312.5402, as are the next two). */
export const brightness = byFactor('makes images lighter or darker', (image, factor) => looked(image, factor, 0));

/** Moves pixels from or to the image's mean luminance. */
export const contrast = byFactor('raises or lowers the contrast', withContrast);

/** An image whose pixels are moved from or to its mean luminance. */
export function withContrast(image: RawImage, factor: number): RawImage {
  const grey = toGrey(image).data;
  let sum = 0;
  for (let at = 0; at < grey.length; at++) sum += grey[at]!;
  return looked(image, factor, (1 - factor) * (sum / grey.length));
}

/** Moves the channels of each pixel from or to its luminance; grey images stay as they are. */
export const saturation = byFactor('raises or lowers the saturation', (image, factor) => {
  if (image.channels === 1) return image;
  const grey = toGrey(image).data;
  const data = new Uint8ClampedArray(image.data.length);
  for (let at = 0; at < data.length; at++) {
    const luminance = grey[(at / 3) | 0]!;
    data[at] = luminance + factor * (image.data[at]! - luminance);
  }
  return { ...image, data: new Uint8Array(data.buffer) };
});

/** Pixels times a factor plus an offset, rounded and clamped. */
export function looked(image: RawImage, factor: number, offset: number): RawImage {
  const table = Uint8ClampedArray.from({ length: 256 }, (_, pixel) => pixel * factor + offset);
  const data = new Uint8Array(image.data.length);
  for (let at = 0; at < data.length; at++) data[at] = table[image.data[at]!]!;
  return { ...image, data };
}
