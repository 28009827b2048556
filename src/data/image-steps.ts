import { type CropRounding, centreCrop, type Filter, resize, window } from './resize.js';
import type { RawImage } from './types.js';

/** One step that an image takes on its way to the model. */
export interface ImageStep {
  /** What it does, for the report. */
  text: string;
  apply(image: RawImage): RawImage;
}

/** Pixels. */
export interface Size {
  height: number;
  width: number;
}

const show = ({ height, width }: Size) => `${height}×${width}`;

/** Resizes to exactly this size, whatever the proportions. */
export function stretch(size: Size, filter: Filter): ImageStep {
  return {
    text: `resize to ${show(size)} ${filter}`,
    apply: (image) => resize(image, size.width, size.height, filter),
  };
}

/**
 * Resizes so that the image covers this size, keeping its proportions; a square one is the shorter edge's length.
 * @param most length that the longer edge may have
 */
export function cover(size: Size, filter: Filter, most = Number.POSITIVE_INFINITY): ImageStep {
  const what = size.height === size.width ? `shorter edge to ${size.width}` : `to cover ${show(size)}`;
  const limit = Number.isFinite(most) ? `, longer at most ${most}` : '';
  return {
    text: `resize ${what}${limit} ${filter}`,
    apply(image) {
      const { width, height } = covering(image, size);
      const long = Math.max(width, height);
      if (long <= most) return resize(image, width, height, filter);
      const short = Math.max(1, Math.trunc((most * Math.min(width, height)) / long));
      return width > height ? resize(image, most, short, filter) : resize(image, short, most, filter);
    },
  };
}

function covering(image: Size, size: Size): Size {
  return size.width * image.height >= size.height * image.width
    ? { width: size.width, height: Math.trunc((size.width * image.height) / image.width) }
    : { width: Math.trunc((size.height * image.width) / image.height), height: size.height };
}

/** Resizes so that the image fits inside this size, keeping its proportions. */
export function contain(size: Size, filter: Filter): ImageStep {
  const what = size.height === size.width ? `longer edge to ${size.width}` : `to fit into ${show(size)}`;
  return {
    text: `resize ${what} ${filter}`,
    apply(image) {
      const scale = Math.min(size.height / image.height, size.width / image.width);
      const scaled = (length: number) => Math.max(1, Math.trunc(length * scale + 0.5));
      return resize(image, scaled(image.width), scaled(image.height), filter);
    },
  };
}

/** Takes the middle. */
export function crop(size: Size, rounding: CropRounding): ImageStep {
  return {
    text: `centre crop ${show(size)}`,
    apply: (image) => centreCrop(image, size.width, size.height, rounding),
  };
}

/** Puts the image in the middle of a black one. */
export function pad(size: Size): ImageStep {
  return {
    text: `pad to ${show(size)}`,
    apply(image) {
      const left = -Math.floor((size.width - image.width) / 2);
      return window(image, left, -Math.floor((size.height - image.height) / 2), size.width, size.height);
    },
  };
}

/** The luminance of an RGB image, as PIL's `convert('L')` computes it (ITU-R 601-2). */
export function toGrey(image: RawImage): RawImage {
  if (image.channels === 1) return image;
  const { data } = image;
  const grey = new Uint8Array(image.width * image.height);
  for (let at = 0, from = 0; at < grey.length; at++, from += 3) {
    grey[at] = (data[from]! * 19595 + data[from + 1]! * 38470 + data[from + 2]! * 7471 + 0x8000) >> 16;
  }
  return { ...image, channels: 1, data: grey };
}
