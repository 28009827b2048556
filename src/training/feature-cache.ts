import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, UserError } from '../errors.js';
import { readByteRows, trackUnfinished } from '../files.js';
import { byteLength, bytesOf, DATA_TYPES, elementCount, type NamedValues } from '../ir/types.js';
import { type PoolOptions, runPool } from '../runtime/pool.js';
import { withLoadable } from '../runtime/source.js';
import type { Feature, FrozenPart } from './frozen-part.js';

/** A batch of samples and their places in the data. */
interface IndexedBatch {
  indices: readonly number[];
  feeds: NamedValues;
}

/** Features of samples on disk, a row of fixed size for each; memory does not grow with the data. */
export class FeatureCache {
  private readonly files: (Feature & { width: number; bytes: number; file: number })[];
  /** Row of each sample. */
  private readonly rows = new Map<number, number>();

  private constructor(
    values: readonly Feature[],
    private readonly folder: string,
    private readonly tracked: { done(): void },
  ) {
    this.files = values.map((value, k) => ({
      ...value,
      width: elementCount(value.sizes),
      bytes: bytesOfFeature(value),
      file: openSync(join(folder, `${k}`), 'w+'),
    }));
  }

  /** Computes the features of every sample of a stream, once. */
  static async compute(
    part: Pick<FrozenPart, 'features' | 'values'>,
    batches: AsyncIterable<IndexedBatch>,
    options: Pick<PoolOptions, 'workers' | 'session' | 'fixedBatch'> & { onProgress?: (samples: number) => void },
  ): Promise<FeatureCache> {
    const folder = mkdtempSync(join(tmpdir(), 'nncompress-features-'));
    const cache = new FeatureCache(part.values, folder, trackUnfinished(folder));
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

  /**
   * Features of samples, by name, in the order asked for.
   * @param names those that are wanted; all by default.
   */
  read(indices: readonly number[], names?: readonly string[]): NamedValues {
    const places = indices.map((index) => this.rows.get(index)!);
    const wanted = this.files.filter(({ name }) => names?.includes(name) ?? true);
    return Object.fromEntries(
      wanted.map(({ name, type, sizes, bytes, file }) => {
        const data = new DATA_TYPES[type].array(readByteRows(file, bytes, places).buffer);
        return [name, { type, dims: [indices.length, ...sizes], data }];
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
    for (const { name, width, bytes, file } of this.files) {
      const { data, dims } = outputs[name]!;
      if (data.length < indices.length * width || data.length % width)
        throw new UserError(`samples differ in the size of the value ${name}: it is [${dims.slice(1)}] for some`, {
          mend: 'bring samples to one size',
        });
      this.write(file, bytesOf((data as Float32Array).subarray(0, indices.length * width)), at * bytes);
    }
    for (const index of indices) this.rows.set(index, this.rows.size);
  }

  private write(file: number, bytes: Uint8Array, position: number): void {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, undefined, position + done);
    } catch (error) {
      throw new UserError(`the features of the frozen layers cannot be kept: ${messageOf(error)}`, {
        file: this.folder,
        mend: 'make room, or name another folder in TMPDIR',
      });
    }
  }
}

/** Bytes of a feature of one sample. */
export const bytesOfFeature = ({ type, sizes }: Feature): number => byteLength(type, elementCount(sizes));
