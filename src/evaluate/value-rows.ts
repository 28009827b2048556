import { closeSync, fstatSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { stack } from '../data/stack.js';
import { writeAtomically } from '../files.js';
import type { Dim } from '../ir/graph.js';
import { bytesOf, elementCount, type NamedValues } from '../ir/types.js';

/** A float16 value of each sample: its shape, the rows first, undefined along axes that count tokens. */
export interface RowValue {
  name: string;
  dims: readonly Dim[];
}

/** Values of some samples. */
export interface ValueBatch {
  indices: readonly number[];
  values: NamedValues;
}

const BYTES = 2;
/** The second file: for each sample where its row begins and how many tokens it has, then the elements of all rows. */
const indexOf = (path: string) => `${path}.index`;

/** Float16 values of samples on disk, a row for each; memory does not grow with the data, but for 16 bytes per sample. */
export class ValueRows {
  private constructor(
    private readonly file: number,
    private readonly index: Float64Array,
    private readonly values: readonly RowValue[],
  ) {}

  /** Opens a file with the rows of so many samples; undefined where there is none, or not all of it. */
  static open(path: string, samples: number, values: readonly RowValue[]): ValueRows | undefined {
    try {
      const bytes = readFileSync(indexOf(path));
      const file = openSync(path, 'r');
      const index = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
      if (index.length === 2 * samples + 1 && fstatSync(file).size === BYTES * index.at(-1)!)
        return new ValueRows(file, index, values);
      closeSync(file);
    } catch {
      // What cannot be read is written anew.
    }
    return undefined;
  }

  /** Writes the rows of samples as they come, in any order. */
  static async write(
    path: string,
    samples: number,
    values: readonly RowValue[],
    batches: AsyncIterable<ValueBatch>,
  ): Promise<void> {
    const index = new Float64Array(2 * samples + 1).fill(Number.NaN);
    let at = 0;
    await writeAtomically(path, async (temporary) => {
      const file = openSync(temporary, 'w');
      try {
        for await (const { indices, values: given } of batches)
          for (const [row, sample] of indices.entries()) {
            const tokens = tokensOf(values, given);
            index.set([at, tokens], 2 * sample);
            for (const { name } of values) {
              const { dims, data } = given[name]!;
              const width = data.length / dims[0]!;
              const part = bytesOf((data as Uint16Array).subarray(row * width, (row + 1) * width));
              for (let done = 0; done < part.length; ) done += writeSync(file, part, done);
              at += width;
            }
          }
      } finally {
        closeSync(file);
      }
    });
    index[2 * samples] = at;
    await writeAtomically(indexOf(path), (temporary) => writeFileSync(temporary, bytesOf(index)));
  }

  /**
   * Values of samples, in the order asked for.
   * @param fit brings those of one sample to the length that all are to have.
   */
  read(indices: readonly number[], fit: (values: NamedValues) => NamedValues): NamedValues {
    return stack(indices.map((sample) => fit(this.row(sample))));
  }

  close(): void {
    closeSync(this.file);
  }

  private row(sample: number): NamedValues {
    const [begin, tokens] = [this.index[2 * sample]!, this.index[2 * sample + 1]!];
    const shapes = this.values.map(({ dims }) => dims.slice(1).map((dim) => (typeof dim === 'number' ? dim : tokens)));
    const counts = shapes.map(elementCount);
    const all = new Uint16Array(counts.reduce((sum, count) => sum + count, 0));
    const bytes = bytesOf(all);
    for (let done = 0; done < bytes.length; )
      done += readSync(this.file, bytes, done, bytes.length - done, BYTES * begin + done);
    let at = 0;
    return Object.fromEntries(
      this.values.map(({ name }, k) => {
        const data = all.subarray(at, at + counts[k]!);
        at += counts[k]!;
        return [name, { type: 'float16' as const, dims: shapes[k]!, data }];
      }),
    );
  }
}

/** Tokens of the rows of a batch; 0 where no value counts them. */
function tokensOf(values: readonly RowValue[], given: NamedValues): number {
  for (const { name, dims } of values) {
    const axis = dims.findIndex((dim, k) => k > 0 && typeof dim !== 'number');
    if (axis > 0) return given[name]!.dims[axis]!;
  }
  return 0;
}
