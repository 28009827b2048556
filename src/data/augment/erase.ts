import type { Random } from '../../random.js';
import type { RawImage } from '../types.js';
import { type AugmentationRow, between, probability, wholeBetween } from './augmentation.js';

/** The least area, as a share of the image, and the flattest shape of what is erased. */
const LEAST_AREA = 0.02;
const FLATTEST = 0.3;
/** Tries to place a rectangle. */
const TRIES = 20;

/** Overwrites a random rectangle with random pixels (random erasing, Zhong et al. 2020, with its settings). */
export const erase: AugmentationRow = {
  about: 'overwrites a random rectangle with random pixels',
  parameters: [probability(0.5), { name: 'largest area', least: LEAST_AREA, most: 1, default: 0.4 }],
  make: ([share, largest]) => ({
    on: 'image',
    apply: (image, random) => (random() < share! ? erased(image, largest!, random) : image),
  }),
};

function erased(image: RawImage, largest: number, random: Random): RawImage {
  const { width, height, channels } = image;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const area = between(random, LEAST_AREA, largest) * width * height;
    const ratio = between(random, FLATTEST, 1 / FLATTEST);
    const tall = Math.max(1, Math.round(Math.sqrt(area * ratio)));
    const wide = Math.max(1, Math.round(Math.sqrt(area / ratio)));
    if (tall > height || wide > width) continue;
    const top = wholeBetween(random, 0, height - tall);
    const left = wholeBetween(random, 0, width - wide);
    const data = image.data.slice();
    for (let y = top; y < top + tall; y++) {
      const end = (y * width + left + wide) * channels;
      for (let at = (y * width + left) * channels; at < end; at++) data[at] = random() * 256;
    }
    return { ...image, data };
  }
  return image;
}
