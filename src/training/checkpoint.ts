import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { writeAtomically } from '../files.js';

/** A training run as it stands after a step: what a resumed run needs to go on as if nothing had happened. */
export interface Checkpoint {
  /** What must be the same for a run to go on: model, data, options. */
  fingerprint: string;
  /** Everything but the vectors, as JSON. */
  progress: unknown;
  vectors: Readonly<Record<string, Float32Array>>;
}

const MAGIC = 'nncompress checkpoint 1\n';

/** Writes a checkpoint: a line, the length of the header, the header as JSON, and the vectors as float32. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { fingerprint, progress, vectors } = checkpoint;
  const hash = createHash('sha256');
  for (const vector of Object.values(vectors)) hash.update(bytesOf(vector));
  const lengths = Object.fromEntries(Object.entries(vectors).map(([name, { length }]) => [name, length]));
  const header = Buffer.from(JSON.stringify({ fingerprint, progress, lengths, digest: hash.digest('hex') }));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(header.length);
  await writeAtomically(path, async (temporary) => {
    const file = await open(temporary, 'w');
    try {
      for (const part of [Buffer.from(MAGIC), size, header, ...Object.values(vectors).map(bytesOf)])
        await file.write(part);
    } finally {
      await file.close();
    }
  });
}

/**
 * Reads a checkpoint.
 * @throws UserError where the file is none, is cut or was changed, or belongs to another run
 */
export async function readCheckpoint(path: string, fingerprint: string): Promise<Checkpoint> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(error.code === 'ENOENT' ? 'does not exist' : error.message, {
      file: path,
      mend: 'name the checkpoint that an interrupted run left, or start without --resume',
    });
  });
  const broken = (what: string) =>
    new UserError(what, { file: path, mend: 'start again without --resume, or give an older checkpoint' });
  const start = MAGIC.length + 4;
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) throw broken('is no checkpoint of a training run');
  const end = start + (bytes.length < start ? Number.NaN : bytes.readUInt32LE(MAGIC.length));
  if (!(end <= bytes.length)) throw broken('is cut short');
  const header = JSON.parse(bytes.toString('utf8', start, end)) as Checkpoint & {
    lengths: Record<string, number>;
    digest: string;
  };
  if (header.fingerprint !== fingerprint)
    throw new UserError('was left by a run with another model, other data or other options', {
      file: path,
      mend: 'give the same ones again, or start without --resume',
    });
  const total = Object.values(header.lengths).reduce((sum, length) => sum + 4 * length, end);
  if (total !== bytes.length) throw broken('is cut short');
  if (createHash('sha256').update(bytes.subarray(end)).digest('hex') !== header.digest) throw broken('is damaged');
  const data = new Uint8Array(bytes.subarray(end)).buffer;
  let offset = 0;
  const vectors = Object.fromEntries(
    Object.entries(header.lengths).map(([name, length]) => {
      const vector = new Float32Array(data, offset, length);
      offset += 4 * length;
      return [name, vector];
    }),
  );
  return { fingerprint, progress: header.progress, vectors };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
