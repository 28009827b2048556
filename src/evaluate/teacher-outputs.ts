import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { addFeeds } from '../data/digest.js';
import { firstSamples, type TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { readRows, writeAtomically } from '../files.js';
import { bytesOf } from '../ir/types.js';
import { runPool } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { floatsOf } from './evaluate-models.js';
import { outputKindOf } from './loss.js';
import { logitsFrom } from './soft-targets.js';

/** What a teacher is run with. */
export interface TeacherRun {
  /** Files of the model, the main one first. */
  files: readonly string[];
  data: TaskData;
  /** Folder that outputs are kept in. */
  folder: string;
  workers: number;
  session: SessionOptions;
  /** Called when samples were run; never where the outputs were there. */
  onProgress?(samples: number): void;
}

/**
 * What a teacher gives for every sample of a data set: logits in a NumPy file `[samples, classes]`, one row per sample,
 * NaN where a sample could not be read. Rows are read when they are asked for, so that memory does not grow with the data.
 */
export class TeacherOutputs {
  private constructor(
    readonly path: string,
    /** False where they were computed just now. */
    readonly reused: boolean,
    /** Values of a row. */
    readonly width: number,
    private readonly file: number,
  ) {}

  /**
   * Computes a teacher's outputs, or takes those of an earlier run with the same model on the same inputs: the name of the
   * file is a hash of the model's bytes and of everything that it is fed.
   * @throws UserError where the output holds no class scores
   */
  static async open(run: TeacherRun): Promise<TeacherOutputs> {
    const { data, folder } = run;
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${await keyOf(run)}.npy`);
    const width = data.kind === 'binary' ? 1 : data.labels.classes.length;
    const { size } = data.dataset;
    const there = openComplete(path, size, width);
    if (there !== undefined) return new TeacherOutputs(path, true, width, there);
    await writeAtomically(path, (temporary) => compute(run, temporary, width));
    return new TeacherOutputs(path, false, width, openSync(path, 'r'));
  }

  /** Logits of samples, in the order asked for: rows × width. */
  read(indices: readonly number[]): Float32Array {
    return readRows(this.file, this.width, indices, HEADER);
  }

  /** True where the teacher could not read the sample. */
  lacks(index: number): boolean {
    return Number.isNaN(this.read([index])[0]);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** Hash of the model's bytes, the output taken, and all inputs. */
async function keyOf({ files, data }: TeacherRun): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) for await (const part of createReadStream(file)) hash.update(part as Buffer);
  hash.update(JSON.stringify([data.output, data.kind, data.labels.classes.length, data.dataset.size]));
  for await (const { indices, feeds } of data.stream(firstSamples(data))) {
    hash.update(JSON.stringify(indices));
    addFeeds(hash, feeds);
  }
  return hash.digest('hex').slice(0, 32);
}

async function compute(run: TeacherRun, path: string, width: number): Promise<void> {
  const { files, data, workers, session } = run;
  const { size } = data.dataset;
  const file = openSync(path, 'w');
  try {
    writeSync(file, npyHeader(size, width));
    const nothing = new Float32Array(width).fill(Number.NaN);
    for (let index = 0; index < size; index++) writeSync(file, bytesOf(nothing));
    let kind: ReturnType<typeof outputKindOf> | undefined;
    const options = { workers, session, fixedBatch: data.fixedBatch };
    for await (const { batch, outputs } of runPool([files[0]!], data.stream(firstSamples(data)), options)) {
      const value = outputs[0]![data.output];
      if (!value || value.data.length !== batch.indices.length * width)
        throw new UserError(`output '${data.output}' holds no class scores`, {
          file: files[0]!,
          mend: 'give a classifier: one row of scores per sample',
        });
      const scores = floatsOf(value);
      kind ??= outputKindOf(scores, width, data.kind);
      const logits = logitsFrom(scores, kind, data.kind);
      checkFinite(logits, files[0]!);
      for (const [row, index] of batch.indices.entries())
        writeSync(file, bytesOf(logits.subarray(row * width, (row + 1) * width)), 0, 4 * width, placeOf(index, width));
      run.onProgress?.(batch.indices.length);
    }
  } finally {
    closeSync(file);
  }
}

function checkFinite(logits: Float32Array, file: string): void {
  if (logits.every(Number.isFinite)) return;
  throw new UserError('gives scores that are no numbers', { file, mend: 'take another teacher' });
}

const placeOf = (index: number, width: number) => HEADER + 4 * width * index;

/** Bytes before the rows: a multiple of 64, as the NPY format (version 1.0) wants it. */
const HEADER = 128;

function npyHeader(rows: number, width: number): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`;
  const start = [0x93, ...Buffer.from('NUMPY'), 1, 0, HEADER - 10, 0];
  return Buffer.concat([Buffer.from(start), Buffer.from(`${text.padEnd(HEADER - 11)}\n`)]);
}

/** Opens a file that holds all rows; undefined where there is none. */
function openComplete(path: string, rows: number, width: number): number | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  if (fstatSync(file).size === placeOf(rows, width)) return file;
  closeSync(file);
  return undefined;
}
