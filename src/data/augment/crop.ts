import type { RawImage } from '../types.js';
import { type AugmentationRow, wholeBetween } from './augmentation.js';

/**
 * Pads each side and cuts the size out again at random: a shift of up to `padding` pixels (He et al. 2016, section 4.2).
 * Below 1 the padding is a share of the shorter edge. The padding mirrors the image or is black.
 */
export const crop: AugmentationRow = {
  about: 'pads each side by some pixels (or a share of the image) and cuts the size out again',
  parameters: [{ name: 'padding', least: 0, most: 1024, default: 4 }],
  variants: ['reflect', 'zero'],
  make: ([padding], variant) => ({
    on: 'image',
    apply(image, random) {
      const edge = Math.min(image.width, image.height);
      const reach = Math.min(edge - 1, Math.round(padding! < 1 ? padding! * edge : padding!));
      const dx = wholeBetween(random, -reach, reach);
      const dy = wholeBetween(random, -reach, reach);
      return dx === 0 && dy === 0 ? image : shifted(image, dx, dy, variant === 'reflect');
    },
  }),
};

/** Where the pixel at a place along an edge comes from; −1 where from nowhere. */
function source(at: number, length: number, reflect: boolean): number {
  if (at >= 0 && at < length) return at;
  if (!reflect) return -1;
  return at < 0 ? -at : 2 * (length - 1) - at;
}

/** An image whose content is moved by some pixels; what comes in is mirrored or black. */
export function shifted(image: RawImage, dx: number, dy: number, reflect: boolean): RawImage {
  const { width, height, channels, data } = image;
  const output = new Uint8Array(data.length);
  const pitch = width * channels;
  const [inside, outside] =
    dx < 0
      ? [
          [-dx, width],
          [0, -dx],
        ]
      : [
          [0, width - dx],
          [width - dx, width],
        ];
  for (let y = 0; y < height; y++) {
    const row = source(y + dy, height, reflect);
    if (row < 0) continue;
    const offset = (row - y) * pitch + dx * channels;
    const end = y * pitch + inside[1]! * channels;
    for (let at = y * pitch + inside[0]! * channels; at < end; at++) output[at] = data[at + offset]!;
    for (let x = outside[0]!; reflect && x < outside[1]!; x++) {
      const from = row * pitch + source(x + dx, width, reflect) * channels;
      for (let channel = 0; channel < channels; channel++)
        output[y * pitch + x * channels + channel] = data[from + channel]!;
    }
  }
  return { ...image, data: output };
}
