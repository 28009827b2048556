import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, UserError } from '../errors.js';
import { readRows, trackUnfinished } from '../files.js';
import { bytesOf, elementCount, type NamedValues } from '../ir/types.js';
import { runPool } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { withLoadable } from '../runtime/source.js';
import type { FrozenPart } from './frozen-part.js';

/** A batch of samples and their places in the data. */
interface IndexedBatch {
  indices: readonly number[];
  feeds: NamedValues;
}

/** Features of samples on disk, a row of fixed size for each; memory does not grow with the data. */
export class FeatureCache {
  private readonly files: { name: string; sizes: readonly number[]; width: number; file: number }[];
  /** Row of each sample. */
  private readonly rows = new Map<number, number>();

  private constructor(
    { values }: FrozenPart,
    private readonly folder: string,
    private readonly tracked: { done(): void },
  ) {
    this.files = values.map(({ name, sizes }, k) => ({
      name,
      sizes,
      width: elementCount(sizes),
      file: openSync(join(folder, `${k}`), 'w+'),
    }));
  }

  /** Computes the features of every sample of a stream, once. */
  static async compute(
    part: FrozenPart,
    batches: AsyncIterable<IndexedBatch>,
    options: { workers: number; session: SessionOptions; onProgress?: (samples: number) => void },
  ): Promise<FeatureCache> {
    const folder = mkdtempSync(join(tmpdir(), 'nncompress-features-'));
    const cache = new FeatureCache(part, folder, trackUnfinished(folder));
    try {
      await withLoadable([part.features], async (models) => {
        for await (const { batch, outputs } of runPool(models, batches, options)) {
          cache.add(batch.indices, outputs[0]!);
          options.onProgress?.(batch.indices.length);
        }
      });
      return cache;
    } catch (error) {
      cache.close();
      throw error;
    }
  }

  /** Those of some samples that there are features of: all but the ones that could not be read and were left out. */
  known(indices: readonly number[]): number[] {
    return indices.filter((index) => this.rows.has(index));
  }

  /** Features of samples, by name, in the order asked for. */
  read(indices: readonly number[]): NamedValues {
    const places = indices.map((index) => this.rows.get(index)!);
    return Object.fromEntries(
      this.files.map(({ name, sizes, width, file }) => {
        const data = readRows(file, width, places);
        return [name, { type: 'float32' as const, dims: [indices.length, ...sizes], data }];
      }),
    );
  }

  /** Removes the files. */
  close(): void {
    for (const { file } of this.files) closeSync(file);
    rmSync(this.folder, { recursive: true, force: true });
    this.tracked.done();
  }

  private add(indices: readonly number[], outputs: NamedValues): void {
    const at = this.rows.size;
    for (const { name, width, file } of this.files) {
      const values = (outputs[name]!.data as Float32Array).subarray(0, indices.length * width);
      this.write(file, bytesOf(values), 4 * at * width);
    }
    for (const index of indices) this.rows.set(index, this.rows.size);
  }

  private write(file: number, bytes: Uint8Array, position: number): void {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, undefined, position + done);
    } catch (error) {
      throw new UserError(`the features of the frozen layers cannot be kept: ${messageOf(error)}`, {
        file: this.folder,
        mend: 'make room, name another folder in TMPDIR, or use --no-cache-features',
      });
    }
  }
}
