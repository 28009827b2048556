import type { Random } from '../../random.js';
import type { RawImage } from '../types.js';
import { type AugmentationRow, between, type Parameter } from './augmentation.js';

/** Where the pixel at (x, y) from the centre comes from: (a·x − b·y + dx, b·x + a·y + dy). */
interface Similarity {
  a: number;
  b: number;
  dx: number;
  dy: number;
}

const STILL: Similarity = { a: 1, b: 0, dx: 0, dy: 0 };

/** A row that draws a similarity; pixels from outside repeat the edge or are black. */
function byWarp(
  about: string,
  parameter: Parameter,
  draw: (most: number, random: Random, image: RawImage) => Partial<Similarity>,
): AugmentationRow {
  return {
    about,
    parameters: [parameter],
    variants: ['edge', 'zero'],
    make: ([most], variant) => ({
      on: 'image',
      apply: (image, random) => warped(image, { ...STILL, ...draw(most!, random, image) }, variant === 'zero'),
    }),
  };
}

/** Turns about the centre by up to some degrees (as Simard et al. 2003 distort digits, with the next two). */
export const rotate = byWarp(
  'turns by up to some degrees',
  { name: 'degrees', least: 0, most: 180, default: 10 },
  (most, random) => {
    const angle = (between(random, -most, most) * Math.PI) / 180;
    return { a: Math.cos(angle), b: Math.sin(angle) };
  },
);

/** Moves by up to a share of the edges, by fractions of pixels. */
export const shift = byWarp(
  'moves by up to a share of the image',
  { name: 'share', least: 0, most: 1, default: 0.1 },
  (most, random, { width, height }) => ({
    dx: between(random, -most, most) * width,
    dy: between(random, -most, most) * height,
  }),
);

/** Shrinks or enlarges by up to a share. */
export const zoom = byWarp(
  'shrinks or enlarges by up to a share',
  { name: 'share', least: 0, most: 0.9, default: 0.1 },
  (most, random) => ({ a: 1 / between(random, 1 - most, 1 + most) }),
);

/** Resamples bilinearly. */
function warped(image: RawImage, { a, b, dx, dy }: Similarity, black: boolean): RawImage {
  const { width, height, channels } = image;
  const data = new Uint8Array(image.data.length);
  const sample = black ? sampleOrBlack : sampleOrEdge;
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromX = a * (x - cx) - b * (y - cy) + dx + cx;
      const fromY = b * (x - cx) + a * (y - cy) + dy + cy;
      const left = Math.floor(fromX);
      const top = Math.floor(fromY);
      const right = fromX - left;
      const low = fromY - top;
      for (let channel = 0; channel < channels; channel++) {
        const upper = sample(image, left, top, channel) * (1 - right) + sample(image, left + 1, top, channel) * right;
        const lower =
          sample(image, left, top + 1, channel) * (1 - right) + sample(image, left + 1, top + 1, channel) * right;
        data[at++] = upper * (1 - low) + lower * low + 0.5;
      }
    }
  }
  return { ...image, data };
}

function sampleOrBlack({ width, height, channels, data }: RawImage, x: number, y: number, channel: number): number {
  return x < 0 || y < 0 || x >= width || y >= height ? 0 : data[(y * width + x) * channels + channel]!;
}

function sampleOrEdge({ width, height, channels, data }: RawImage, x: number, y: number, channel: number): number {
  const column = x < 0 ? 0 : x >= width ? width - 1 : x;
  const row = y < 0 ? 0 : y >= height ? height - 1 : y;
  return data[(row * width + column) * channels + channel]!;
}
