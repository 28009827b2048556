import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

const IMAGES = 'train-images-idx3-ubyte.gz';
const LABELS = 'train-labels-idx1-ubyte.gz';

/**
 * The first images of IDX files, with their labels beside them, in files of their own.
 * @param images path of the file of images
 * @param count how many; all of them, where they are, if undefined
 * @returns path of the images
 */
export function firstSamples(images, count, folder) {
  if (count === undefined) return images;
  for (const name of [IMAGES, LABELS]) {
    const cut = firstOf(gunzipSync(readFileSync(images.replace(IMAGES, name))), Number(count));
    writeFileSync(join(folder, name), gzipSync(cut));
  }
  return join(folder, IMAGES);
}

/** The head of an IDX file of bytes is a magic number, whose last byte counts axes, and the size of each axis. */
function firstOf(bytes, count) {
  const axes = bytes[3];
  const head = 4 + 4 * axes;
  let each = 1;
  for (let axis = 1; axis < axes; axis++) each *= bytes.readUInt32BE(4 + 4 * axis);
  const cut = Buffer.from(bytes.subarray(0, head + count * each));
  cut.writeUInt32BE((cut.length - head) / each, 4);
  return cut;
}
