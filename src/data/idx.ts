import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors.js';
import { viewOf } from '../ir/tensor.js';
import { DATA_TYPES, type DataType, elementCount, type TensorValue } from '../ir/types.js';
import { arraysDataset, labelsOf, rowsOf, viewOfBigEndian } from './array-source.js';
import { fileError, isFile, readBytes } from './files.js';
import { byteOrder } from './folder.js';
import type { DatasetOptions } from './options.js';
import type { Dataset } from './types.js';

/** Element types by their code in an IDX header. */
const TYPES: Record<number, DataType> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
};

/** True where a file's name says that it is IDX: `t10k-images-idx3-ubyte.gz`, `train-labels.idx1-ubyte`, `x.idx`. */
export function isIdxName(path: string): boolean {
  return /(idx\d+|[-.]u?byte|\.idx)([-.]u?byte)?(\.gz)?$/i.test(basename(path));
}

/** True where a file begins as IDX does. */
export function isIdxStart(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0 && bytes[1] === 0 && bytes[2]! in TYPES && bytes[3]! > 0 && bytes[3]! < 9;
}

/**
 * Reads an IDX file, the format of MNIST (http://yann.lecun.com/exdb/mnist), packed or not.
 * @throws UserError where it is not IDX, or shorter or longer than its header says.
 */
export async function readIdx(path: string): Promise<TensorValue> {
  const bytes = await readBytes(path);
  const start = 4 + 4 * (bytes[3] ?? 0);
  if (!isIdxStart(bytes) || bytes.length < start) {
    throw new UserError('is not an IDX file', { file: path, mend: 'fetch it again, or check the path' });
  }
  const type = TYPES[bytes[2]!]!;
  const dims = Array.from({ length: bytes[3]! }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const expected = (elementCount(dims) * DATA_TYPES[type].bits) / 8;
  if (bytes.length - start !== expected) {
    const what = `holds ${bytes.length - start} bytes where [${dims.join(', ')}] ${type} takes ${expected}`;
    throw new UserError(what, { file: path, mend: 'fetch it again' });
  }
  const body = bytes.subarray(start);
  return { type, dims, data: DATA_TYPES[type].bits === 8 ? viewOf(type, body) : viewOfBigEndian(type, body) };
}

/**
 * Opens an IDX file, or a folder that holds one pair of them. The labels are in the file beside it that is named alike
 * (`images` → `labels`, `idx3` → `idx1`, with or without `.gz`); where there is none, the samples have no labels.
 * Greyscale or RGB bytes (`[N, H, W]`, `[N, H, W, 3]`) become images, everything else arrays.
 * @throws UserError as `readIdx` does, and where a folder holds several pairs and `split` does not choose one.
 */
export async function openIdx(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const file = (await isFile(path)) ? path : await pickFile(path, options.split);
  const value = await readIdx(file);
  if (value.dims.length === 1) {
    throw new UserError('holds labels, not samples', {
      file,
      mend: 'name the images file; its labels are found by name',
    });
  }
  const labelFile = await labelsBeside(file);
  const labels = labelFile ? { file: labelFile, values: labelsOf(labelFile, await readIdx(labelFile)) } : undefined;
  const [, height = 0, width = 0, channels = 1] = value.dims;
  const isImage =
    value.type === 'uint8' && (value.dims.length === 3 || (value.dims.length === 4 && channels in { 1: 0, 3: 0 }));
  const stem = basename(file).replace(/\.gz$/i, '');
  const arrays = arraysDataset(file, { [stem]: rowsOf(file, value) }, labels);
  return isImage ? imagesOver(arrays, value.data as Uint8Array, { height, width, channels }) : arrays;
}

function imagesOver(
  dataset: Dataset,
  pixels: Uint8Array,
  shape: { height: number; width: number; channels: number },
): Dataset {
  const size = shape.height * shape.width * shape.channels;
  return {
    ...dataset,
    kind: 'image',
    describe: (index) => `image ${index}`,
    load: async (index) => ({ kind: 'image', ...shape, data: pixels.subarray(index * size, (index + 1) * size) }),
  };
}

async function labelsBeside(file: string): Promise<string | undefined> {
  const name = basename(file);
  const plain = name.replace(/\.gz$/i, '');
  const labels = plain.replace(/images?|data/i, 'labels').replace(/idx\d+/i, 'idx1');
  if (labels === plain) return undefined;
  const candidates = name === plain ? [labels, `${labels}.gz`] : [`${labels}.gz`, labels];
  for (const candidate of candidates.map((each) => join(dirname(file), each))) {
    if (await isFile(candidate)) return candidate;
  }
  return undefined;
}

/** The IDX files of a folder that hold samples. */
export async function idxFilesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw fileError(folder, error);
  });
  return names.filter((name) => isIdxName(name) && !/labels?|idx1\b/i.test(name)).sort(byteOrder);
}

async function pickFile(folder: string, split: string | undefined): Promise<string> {
  const names = await idxFilesIn(folder);
  const chosen = split === undefined ? names : names.filter((name) => name.startsWith(split));
  const [first] = chosen;
  if (first === undefined) {
    const what = split === undefined ? 'holds no IDX images' : `holds no IDX images whose name begins with '${split}'`;
    throw new UserError(what, { file: folder, mend: names.length > 0 ? `it holds ${names.join(', ')}` : undefined });
  }
  if (chosen.length > 1) {
    throw new UserError(`holds several data sets: ${chosen.join(', ')}`, {
      file: folder,
      mend: `name one of them: ${join(folder, first)}`,
    });
  }
  return join(folder, first);
}
