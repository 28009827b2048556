import { closeSync, existsSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { UserError } from '../errors.js';
import type { Storage } from '../ir/tensor.js';

/** Where a tensor's raw data lies outside the model file (onnx.proto, `TensorProto.external_data`). */
export interface ExternalPlace {
  location: string;
  offset: number;
  length?: number | undefined;
}

/**
 * Storage over a window of a file beside the model, read on demand.
 * @throws UserError where the file is missing, too short, or outside the model's folder by `..`, an absolute path or a
 *   link (CVE-2022-25882, CVE-2024-27318).
 */
export function externalStorage(modelPath: string, tensor: string, place: ExternalPlace, expected: number): Storage {
  const where = `tensor ${tensor}`;
  const file = resolveInside(modelPath, place.location, where);
  const { size } = statSync(file);
  const length = place.length ?? expected;
  if (length !== expected)
    throw new UserError(`external data of ${length} bytes where the shape needs ${expected}`, {
      file: modelPath,
      where,
      mend: 'export the model again',
    });
  if (!(place.offset >= 0) || place.offset + length > size)
    throw new UserError(`${place.location} has ${size} bytes, too few for ${length} at ${place.offset}`, {
      file: modelPath,
      where,
      mend: 'the data file is truncated or of another export: copy it again',
    });
  return {
    byteLength: length,
    read: (begin, end) => readWindow(file, place.offset + begin, end - begin),
  };
}

/** The path of an external data file, checked to lie in the model's folder. @throws UserError */
export function resolveInside(modelPath: string, location: string, where: string): string {
  const folder = dirname(modelPath);
  const refuse = (what: string) =>
    new UserError(`external data '${location}' ${what}`, {
      file: modelPath,
      where,
      mend: "put the data file into the model's folder and name it there",
    });
  if (!location) throw refuse('has no file name');
  if (isAbsolute(location) || /^[a-zA-Z]:|^[\\/]/.test(location)) throw refuse('is an absolute path');
  if (location.split(/[\\/]/).includes('..')) throw refuse("leaves the model's folder");
  const file = join(folder, location);
  if (!existsSync(file)) throw refuse('does not exist');
  const inside = relative(realpathSync(folder), realpathSync(file));
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
    throw refuse("is a link that leaves the model's folder");
  if (!statSync(file).isFile()) throw refuse('is not a file');
  return file;
}

function readWindow(file: string, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const handle = openSync(file, 'r');
  try {
    let done = 0;
    while (done < length) {
      const count = readSync(handle, bytes, done, Math.min(length - done, 1 << 30), position + done);
      if (!count) throw new UserError('the file became shorter while it was read', { file });
      done += count;
    }
  } finally {
    closeSync(handle);
  }
  return bytes;
}
