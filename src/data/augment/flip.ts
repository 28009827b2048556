import type { RawImage } from '../types.js';
import { type AugmentationRow, probability } from './augmentation.js';

/** Mirrors left and right (Krizhevsky et al. 2012), for things that look alike in a mirror: not for digits or letters. */
export const flip: AugmentationRow = {
  about: 'mirrors left and right',
  parameters: [probability(0.5)],
  make: ([share]) => ({ on: 'image', apply: (image, random) => (random() < share! ? mirrored(image) : image) }),
};

/** Mirrors top and bottom, for things without an up, such as cells or aerial pictures. */
export const flipVertical: AugmentationRow = {
  about: 'mirrors top and bottom',
  parameters: [probability(0.5)],
  make: ([share]) => ({ on: 'image', apply: (image, random) => (random() < share! ? upended(image) : image) }),
};

function mirrored(image: RawImage): RawImage {
  const { width, height, channels, data } = image;
  const turned = new Uint8Array(data.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let from = (y * width + width - 1) * channels; from >= y * width * channels; from -= channels) {
      for (let channel = 0; channel < channels; channel++) turned[at++] = data[from + channel]!;
    }
  }
  return { ...image, data: turned };
}

function upended(image: RawImage): RawImage {
  const { height, data } = image;
  const pitch = data.length / height;
  const turned = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) turned.set(data.subarray(y * pitch, (y + 1) * pitch), (height - 1 - y) * pitch);
  return { ...image, data: turned };
}
