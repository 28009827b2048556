import { readFile } from 'node:fs/promises';
import type sharpModule from 'sharp';
import type { Sharp } from 'sharp';
import { messageOf, UserError } from '../errors.js';
import { openFiles } from './file-source.js';
import { fileError } from './files.js';
import { COLUMN_NAMES, type DatasetOptions } from './options.js';
import type { Dataset, RawImage } from './types.js';

/** File name endings of the images that can be decoded. */
export const IMAGE_ENDINGS: ReadonlySet<string> = new Set([
  '.jpg',
  '.jpeg',
  '.png',
  '.webp',
  '.gif',
  '.tif',
  '.tiff',
  '.avif',
]);

/**
 * Opens images: a folder with one sub-folder per class, a flat folder (no labels), or a CSV, TSV or JSONL manifest.
 * @throws UserError where the folder or table holds no images, a column is missing, or a cell is empty
 */
export async function openImages(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  return openFiles(
    path,
    { kind: 'image', endings: IMAGE_ENDINGS, columns: COLUMN_NAMES.image, read: readImage },
    options,
  );
}

/**
 * Decodes an image to 8 bits: one channel where it is grey, else sRGB. Its EXIF rotation is applied, alpha dropped, and
 * a colour profile ignored, as PIL does. Of an animation, the first frame is taken.
 * @throws UserError naming the file where it is missing, damaged, or in a format that cannot be decoded.
 */
export async function readImage(path: string): Promise<RawImage> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  return decodeImage(bytes, path);
}

/**
 * Decodes the bytes of an image as {@link readImage} does.
 * @param file where they lie, for messages
 * @throws UserError naming it where they are damaged, or in a format that cannot be decoded.
 */
export async function decodeImage(bytes: Uint8Array, file: string): Promise<RawImage> {
  const sharp = await loadSharp();
  try {
    return await decode(sharp(bytes, { ignoreIcc: true, autoOrient: true }));
  } catch (error) {
    const what = `cannot be decoded: ${messageOf(error).replace(/^Input buffer/, 'it')}`;
    throw new UserError(what, { file, mend: 'replace or remove it' });
  }
}

/** The decoder, without its cache: no image is read twice in a row, and looking it up costs more than a small image. */
export async function loadSharp(): Promise<typeof sharpModule> {
  const { default: sharp } = await import('sharp');
  sharp.cache(false);
  return sharp;
}

/** Colour spaces of libvips that hold only luminance. */
const GREY_SPACES: readonly unknown[] = ['b-w', 'grey16'];

async function decode(image: Sharp): Promise<RawImage> {
  const { space } = await image.metadata();
  const { data, info } = await image
    .removeAlpha()
    .toColourspace(GREY_SPACES.includes(space) ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { kind: 'image', width: info.width, height: info.height, channels: info.channels, data: pixels };
}
