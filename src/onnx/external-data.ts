import { closeSync, fstatSync, openSync, readSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { messageOf, UserError } from '../errors.js';
import type { Storage } from '../ir/tensor.js';
import type { TensorProto } from './messages.js';

/** Most bytes asked of one read: the system takes no more than 2 GiB at once. */
const READ_LIMIT = 2 ** 30;

/**
 * Storage over a window of a file beside the model (onnx.proto, `TensorProto.external_data`), read on demand.
 * @param expected bytes that the tensor's type and shape need.
 * @throws UserError where the file is missing, too short, or outside the model's folder by `..`, an absolute path or a
 *   link (CVE-2022-25882, CVE-2024-27318); later where the file changed since.
 */
export function externalStorage(modelPath: string, proto: TensorProto, expected: number): Storage {
  const where = `tensor ${proto.name ?? ''}`;
  const entries = new Map((proto.external_data ?? []).map((entry) => [entry.key ?? '', entry.value ?? '']));
  const location = entries.get('location') ?? '';
  const file = resolveInside(modelPath, location, where);
  const opened = statSync(file);
  const refuse = (what: string, mend: string) => new UserError(what, { file: modelPath, where, mend });
  const number = (key: string, absent: number) => {
    const text = entries.get(key) ?? String(absent);
    if (!/^\d+$/.test(text))
      throw refuse(`the ${key} of its external data is '${text}', not a number of bytes`, 'export the model again');
    return Number(text);
  };
  const offset = number('offset', 0);
  const length = number('length', expected);
  if (length !== expected)
    throw refuse(`external data of ${length} bytes where the shape needs ${expected}`, 'export the model again');
  if (offset + length > opened.size)
    throw refuse(
      `${location} has ${opened.size} bytes, too few for ${length} at ${offset}`,
      'the data file is truncated or of another export: copy it again',
    );
  return {
    byteLength: length,
    read: (begin, end) => readWindow(file, opened, offset + begin, end - begin),
  };
}

/** The name of the file that holds a tensor's data, where one does. */
export function externalLocation(proto: TensorProto): string | undefined {
  if (proto.data_location !== 1) return undefined;
  return proto.external_data?.find((entry) => entry.key === 'location')?.value ?? '';
}

/**
 * The path of an external data file, checked to lie in the folder of the model, or of the file that the model's path
 * links to (the cache of the Hugging Face Hub links both to one folder).
 * @throws UserError
 */
export function resolveInside(modelPath: string, location: string, where: string): string {
  const refuse = (what: string) =>
    new UserError(`external data '${location}' ${what}`, {
      file: modelPath,
      where,
      mend: "put the data file into the model's folder and name it there",
    });
  if (!location) throw refuse('has no file name');
  if (location.includes('\0')) throw refuse('is no file name');
  if (isAbsolute(location) || /^[a-zA-Z]:|^[\\/]/.test(location)) throw refuse('is an absolute path');
  if (location.split(/[\\/]/).includes('..')) throw refuse("leaves the model's folder");
  const file = join(dirname(modelPath), location);
  const real = realPath(file);
  if (!real) throw refuse('does not exist');
  const folders = [realPath(dirname(modelPath)), dirname(realPath(modelPath) ?? modelPath)];
  if (!folders.some((folder) => folder && isInside(folder, real)))
    throw refuse("is a link that leaves the model's folder");
  if (!statSync(real).isFile()) throw refuse('is not a file');
  return file;
}

function isInside(folder: string, file: string): boolean {
  const path = relative(folder, file);
  return path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function readWindow(file: string, opened: Stats, position: number, length: number): Uint8Array {
  const handle = openData(file);
  try {
    const now = fstatSync(handle);
    if (now.size !== opened.size || now.mtimeMs !== opened.mtimeMs || now.ino !== opened.ino)
      throw new UserError('the file changed since the model was read', { file, mend: 'run again' });
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(handle, bytes, done, Math.min(length - done, READ_LIMIT), position + done);
      if (!count) throw new UserError('the file became shorter while it was read', { file, mend: 'run again' });
      done += count;
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}

function openData(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    throw new UserError(`cannot read the external data: ${messageOf(error)}`, { file, mend: 'check the file' });
  }
}
