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

/** Where each pixel along an edge comes from; −1 where from nowhere. */
function sources(length: number, shift: number, reflect: boolean): Int32Array {
  return Int32Array.from({ length }, (_, at) => {
    const from = at + shift;
    if (from >= 0 && from < length) return from;
    if (!reflect) return -1;
    return from < 0 ? -from : 2 * (length - 1) - from;
  });
}

function shifted(image: RawImage, dx: number, dy: number, reflect: boolean): RawImage {
  const { width, height, channels, data } = image;
  const columns = sources(width, dx, reflect);
  const rows = sources(height, dy, reflect);
  const output = new Uint8Array(data.length);
  for (let y = 0, at = 0; y < height; y++) {
    const row = rows[y]! * width;
    for (let x = 0; x < width; x++, at += channels) {
      if (row < 0 || columns[x]! < 0) continue;
      const from = (row + columns[x]!) * channels;
      for (let channel = 0; channel < channels; channel++) output[at + channel] = data[from + channel]!;
    }
  }
  return { ...image, data: output };
}
