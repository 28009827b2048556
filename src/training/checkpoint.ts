import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { writeAtomically } from '../files.js';
import { bytesOf } from '../ir/types.js';
import type { Layout } from './parameters.js';

/** A training run as it stands after a step: what a resumed run needs to go on as if nothing had happened. */
export interface Checkpoint {
  /** What must be the same for a run to go on: model, data, options. */
  fingerprint: string;
  /** Everything but the vectors, as JSON. */
  progress: unknown;
  vectors: Readonly<Record<string, Float32Array>>;
  /** Where each parameter lies in each of them: others that go on may have another order. */
  layout?: Layout | undefined;
  /** What was decided before the run began, as JSON. */
  decisions?: unknown;
}

const MAGIC = Buffer.from('nncompress checkpoint 2\n');
const DIGEST_BYTES = 32;
/** Bytes that are read or written at once: system calls take no more than 2 GiB. */
const WINDOW = 1 << 26;

interface Header {
  fingerprint: string;
  progress: unknown;
  decisions?: unknown;
  layout?: Layout | undefined;
  /** Elements of each vector. */
  lengths: Record<string, number>;
}

/**
 * Writes a checkpoint: a line, the length of the header, the header as JSON, the vectors as float32, and the SHA-256 of
 * all that.
 */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { fingerprint, progress, vectors, decisions, layout } = checkpoint;
  const lengths = Object.fromEntries(Object.entries(vectors).map(([name, { length }]) => [name, length]));
  const header = Buffer.from(JSON.stringify({ fingerprint, progress, decisions, layout, lengths } satisfies Header));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(header.length);
  const hash = createHash('sha256');
  await writeAtomically(path, (temporary) =>
    withFile(temporary, 'w', async (file) => {
      for (const part of [MAGIC, size, header, ...Object.values(vectors).map(bytesOf)])
        for (const window of windowsOf(part)) {
          hash.update(window);
          await file.writeFile(window);
        }
      await file.writeFile(hash.digest());
    }),
  );
}

/**
 * Reads a checkpoint.
 * @throws UserError where the file is none, is cut or was changed, or belongs to another run
 */
export async function readCheckpoint(path: string, fingerprint: string): Promise<Checkpoint> {
  const found = await readAnyCheckpoint(path);
  if (found.fingerprint !== fingerprint) throw otherRun(path);
  return found;
}

/** Says that a checkpoint is of another run. */
export function otherRun(path: string): UserError {
  return new UserError('was left by a run with another model, other data or other options', {
    file: path,
    mend: 'give the same ones again, or start without --resume',
  });
}

/** Reads a checkpoint of any run. @throws UserError where the file is none, is cut or was changed */
export async function readAnyCheckpoint(path: string): Promise<Checkpoint> {
  const broken = (what: string) =>
    new UserError(what, { file: path, mend: 'start again without --resume, or give an older checkpoint' });
  return withFile(path, 'r', (file) => readFrom(file, broken)).catch((error: NodeJS.ErrnoException) => {
    if (!error.code) throw error;
    throw new UserError(error.code === 'ENOENT' ? 'does not exist' : error.message, {
      file: path,
      mend: 'name the checkpoint that an interrupted run left, or start without --resume',
    });
  });
}

async function readFrom(file: FileHandle, broken: (what: string) => UserError): Promise<Checkpoint> {
  const { size } = await file.stat();
  const hash = createHash('sha256');
  let left = size - DIGEST_BYTES;
  const fill = async <T extends Uint8Array>(bytes: T): Promise<T> => {
    left -= bytes.length;
    if (left < 0) throw broken('is cut short');
    for (const window of windowsOf(bytes)) {
      await readFully(file, window);
      hash.update(window);
    }
    return bytes;
  };
  if (size < MAGIC.length || !(await fill(Buffer.alloc(MAGIC.length))).equals(MAGIC))
    throw broken('is no checkpoint of a training run');
  const headerBytes = (await fill(Buffer.alloc(4))).readUInt32LE();
  if (headerBytes > left) throw broken('is cut short');
  const header = parseHeader(await fill(Buffer.alloc(headerBytes)));
  if (!header) throw broken('is damaged');
  const total = Object.values(header.lengths).reduce((sum, length) => sum + 4 * length, 0);
  if (total !== left) throw broken(total > left ? 'is cut short' : 'is damaged');
  const vectors: Record<string, Float32Array> = {};
  for (const [name, length] of Object.entries(header.lengths)) {
    vectors[name] = new Float32Array(length);
    await fill(bytesOf(vectors[name]));
  }
  const digest = Buffer.alloc(DIGEST_BYTES);
  await readFully(file, digest);
  if (!digest.equals(hash.digest())) throw broken('is damaged');
  const { fingerprint, progress, decisions, layout } = header;
  return { fingerprint, progress, vectors, decisions, layout };
}

/** Undefined where a changed byte has left no header. */
function parseHeader(bytes: Buffer): Header | undefined {
  try {
    const header = JSON.parse(bytes.toString('utf8')) as Header;
    return Object.values(header.lengths).every((length) => Number.isInteger(length) && length >= 0)
      ? header
      : undefined;
  } catch {
    return undefined;
  }
}

async function withFile<T>(path: string, flags: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readFully(file: FileHandle, into: Uint8Array): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done);
    if (!bytesRead) throw new Error('the file has become shorter');
    done += bytesRead;
  }
}

function* windowsOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let begin = 0; begin < bytes.length; begin += WINDOW) yield bytes.subarray(begin, begin + WINDOW);
}
