import { close, fstatSync, open as openFile, read, readFileSync, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { messageOf, UserError } from '../errors.js';

const WHAT_FAILED: Record<string, { what: string; mend: string }> = {
  ENOENT: { what: 'there is no such file', mend: 'check the path' },
  ENOTDIR: { what: 'there is no such file', mend: 'check the path' },
  EACCES: { what: 'may not be read', mend: 'check its permissions' },
  EISDIR: { what: 'is a folder, not a file', mend: 'name a file' },
};

/** The error of a failed file operation, as a mistake of the user that names the file. */
export function fileError(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const known = WHAT_FAILED[(error as NodeJS.ErrnoException)?.code ?? ''];
  return known
    ? new UserError(known.what, { file: path, mend: known.mend })
    : new UserError(`could not be read: ${messageOf(error)}`, { file: path });
}

/** True where `path` exists and is a file. */
export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}

/**
 * A whole file, unpacked where its name ends in `.gz`.
 * @throws UserError naming the file where it is missing, unreadable, or its compressed data is damaged.
 */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    return path.toLowerCase().endsWith('.gz') ? await unpack(path) : await readWhole(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))
      throw new UserError(`is damaged or not gzip: ${messageOf(error)}`, {
        file: path,
        mend: 'fetch or pack it again',
      });
    throw fileError(path, error);
  }
}

const calls = { open: promisify(openFile), read: promisify(read) };

/** Bytes that one read asks for at most, and where the size is not known. */
const READ = { most: 2 ** 30, unknown: 2 ** 16 };

/** Files of at most so many bytes are read at once, unless that takes so many milliseconds on average: then not for a while. */
const QUICK = { bytes: 2 ** 18, milliseconds: 0.5, pause: 1000 };
/** Weight of the last read in the average: a thread that has to leave its core now and then is no slow disk. */
const LAST = 0.05;
let average = 0;
let slowUntil = 0;

/**
 * A small file, read in this thread: where it lies in the system's cache that takes about 10 µs, a tenth of what handing it to
 * the thread pool costs this thread. Undefined where it is large or no plain file, or disks are slow.
 */
function readQuickly(path: string): Buffer | undefined {
  const start = performance.now();
  if (start < slowUntil) return undefined;
  const found = statSync(path);
  const bytes = found.isFile() && found.size <= QUICK.bytes ? readFileSync(path) : undefined;
  const end = performance.now();
  average += LAST * (end - start - average);
  if (average > QUICK.milliseconds) {
    slowUntil = end + QUICK.pause;
    average = 0;
  }
  return bytes;
}

/**
 * A whole file. Turns through the thread pool, of which `readFile` takes five, cost more than a small file's contents: where
 * they are needed, the file is opened and read there, and nobody waits until it is closed.
 */
async function readWhole(path: string): Promise<Buffer> {
  const quick = readQuickly(path);
  if (quick) return quick;
  const file = await calls.open(path, 'r');
  try {
    const size = fstatSync(file).size;
    const pieces: Buffer[] = [];
    let filled = 0;
    do {
      const piece = Buffer.allocUnsafeSlow(size > filled ? Math.min(size - filled, READ.most) : READ.unknown);
      const { bytesRead } = await calls.read(file, piece, 0, piece.length, null);
      if (!bytesRead) break;
      pieces.push(piece.subarray(0, bytesRead));
      filled += bytesRead;
    } while (filled !== size);
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  } finally {
    close(file, () => {});
  }
}

/** Unpacks a gzip file into one buffer of the size that its last four bytes tell (RFC 1952), where that is true. */
async function unpack(path: string): Promise<Buffer> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(4);
    await handle.read(tail, 0, 4, Math.max(0, size - 4));
    const told = Math.min(tail.readUInt32LE(0), size * MOST_GZIP_EXPANDS);
    const pieces: Buffer[] = [];
    // One byte more than is told, so that the unpacker fills its first buffer and never needs a second.
    const unpacker = createGunzip({ chunkSize: Math.max(LEAST_CHUNK, told + 1) });
    for await (const piece of handle.createReadStream(STREAM).pipe(unpacker)) pieces.push(piece as Buffer);
    return joined(pieces);
  } finally {
    await handle.close();
  }
}

/** Pieces as one buffer; not copied where they lie one after another in the same memory. */
function joined(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces;
  let end = first?.byteOffset;
  for (const { buffer, byteOffset, length } of pieces) {
    if (buffer !== first!.buffer || byteOffset !== end) return Buffer.concat(pieces);
    end = byteOffset + length;
  }
  return first ? Buffer.from(first.buffer, first.byteOffset, end! - first.byteOffset) : Buffer.alloc(0);
}

/** Large pieces: the default ones cost more than the unpacking. */
const STREAM = { start: 0, autoClose: false, highWaterMark: 2 ** 18 };
const LEAST_CHUNK = 2 ** 16;

/** Deflate makes nothing larger than this many times the packed size. */
const MOST_GZIP_EXPANDS = 1032;

/**
 * A whole text file in UTF-8, or in UTF-16 where it begins with that byte order mark. The mark is removed.
 * @throws UserError where the file cannot be read or is in another encoding.
 */
export async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`is not ${encoding.toUpperCase()} text`, { file: path, mend: 'save it as UTF-8' });
  }
}
