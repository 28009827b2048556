import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Collector } from '../data/collector.js';
import type { Padding } from '../data/pad-batch.js';
import { firstSamples, type TaskData } from '../data/task.js';
import { trainingReader } from '../data/training-reader.js';
import type { Batch } from '../data/types.js';
import { UserError } from '../errors.js';
import { sumOf } from '../group.js';
import type { Model } from '../ir/model.js';
import { resizeAxis } from '../ir/resize-axis.js';
import type { NamedValues, TensorValue, TypedArray } from '../ir/types.js';
import { rowsOf, runPool } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { loadable } from '../runtime/source.js';
import { runAlong, takenFrom } from './run-along.js';
import { type RowValue, type ValueBatch, ValueRows } from './value-rows.js';

/** A teacher whose outputs are some of its inner values, and what it is run with. */
export interface TeacherProbe {
  /** Where the teacher was read from, for messages. */
  path: string;
  /** Its outputs are those of `values`, float16 with the rows first. */
  model: Model;
  values: readonly RowValue[];
  data: TaskData;
  workers: number;
  session: SessionOptions;
  /** Which input of the student each of the teacher's is, where both take the same: changed samples, too. */
  inputs?: ReadonlyMap<string, string> | undefined;
}

/** Length to which values of texts are brought: that of the student's batch. */
export interface TokenFit {
  tokens: number;
  side: Padding['side'];
}

/** Gives batches of a student what of its teacher they are compared with. */
export interface TeacherValues {
  along<B extends Batch>(batches: AsyncIterable<B>): AsyncGenerator<{ batch: B; values: NamedValues }>;
  close(): void;
}

/** Tells the length of a batch; undefined where nothing varies with it. */
export type FitOf = (feeds: NamedValues) => TokenFit | undefined;

/** Where the values of a teacher are kept. */
export interface KeptValues {
  folder: string;
  /** Tells the teacher, the data and what is asked of it from others. */
  key: string;
  /** Called when samples were run; never where the values were there. */
  onProgress?(samples: number): void;
}

/**
 * Runs a teacher over all samples once and keeps its values on disk, or takes those of an earlier run.
 * @throws UserError where they are no numbers
 */
export async function keepTeacherValues(
  probe: TeacherProbe,
  { folder, key, onProgress }: KeptValues,
  fitOf: FitOf,
): Promise<TeacherValues & { reused: boolean; path: string }> {
  const { data, values } = probe;
  const hash = createHash('sha256').update(JSON.stringify([key, values]));
  const path = join(folder, `${hash.digest('hex').slice(0, 32)}.f16`);
  const { size } = data.dataset;
  const there = ValueRows.open(path, size, values);
  if (!there) await ValueRows.write(path, size, values, runAll(probe, onProgress));
  const rows = there ?? ValueRows.open(path, size, values)!;
  return {
    path,
    reused: there !== undefined,
    async *along(batches) {
      for await (const batch of batches) {
        if (!batch.indices.length) {
          yield { batch, values: {} };
          continue;
        }
        const fit = fitOf(batch.feeds);
        yield { batch, values: rows.read(batch.indices, (row) => fitted(row, values, fit, 1)) };
      }
    },
    close: () => rows.close(),
  };
}

async function* runAll(probe: TeacherProbe, onProgress?: (samples: number) => void): AsyncGenerator<ValueBatch> {
  const { data, workers, session } = probe;
  const { source, dispose } = await loadable(probe.model);
  try {
    const options = { workers, session, fixedBatch: data.fixedBatch };
    for await (const { batch, outputs } of runPool([source], data.stream(firstSamples(data)), options)) {
      checkNumbers(outputs[0]!, probe);
      yield { indices: batch.indices, values: outputs[0]! };
      onProgress?.(batch.indices.length);
    }
  } finally {
    dispose();
  }
}

/** Bytes of the teacher's values that may lie ready, where one batch has less. */
const READY = 1e9;

/**
 * Runs a teacher along with its student, batch by batch, some batches ahead: on the same samples or, where it takes the
 * student's inputs, on what the student takes.
 * @param batchBytes of the values of a batch, to bound how many lie ready.
 */
export function liveTeacherValues(probe: TeacherProbe, batchBytes: number, fitOf: FitOf): TeacherValues {
  const { data, values, session, inputs } = probe;
  const workers = Math.max(1, Math.min(probe.workers, Math.floor(READY / (2 * batchBytes))));
  const reader = trainingReader(data, { augmentations: [], seed: 0, epoch: 0, cacheBytes: 256e6 });
  const collector = new Collector(data.dataset, data.preprocessor, reader, {});
  const feedsOf = async ({ indices, feeds }: Batch, begin: number, end: number) =>
    inputs ? rowsOf(takenFrom(inputs, feeds), begin, end) : (await collector.collect(indices.slice(begin, end))).feeds;
  return {
    async *along(batches) {
      const { source, dispose } = await loadable(probe.model);
      const finish = (outputs: NamedValues, { feeds }: Batch) => {
        checkNumbers(outputs, probe);
        return fitted(outputs, values, fitOf(feeds), 0);
      };
      try {
        const companion = { source, fixedBatch: data.fixedBatch, workers, session, feedsOf };
        for await (const { batch, parts } of runAlong(companion, batches, finish))
          yield { batch, values: joinRows(parts) };
      } finally {
        dispose();
      }
    },
    close() {},
  };
}

/** Values cut or filled up to the length of a batch. @param without axes that are missing in front */
function fitted(
  given: NamedValues,
  values: readonly RowValue[],
  fit: TokenFit | undefined,
  without: 0 | 1,
): NamedValues {
  if (!fit) return given;
  const { tokens, side } = fit;
  return Object.fromEntries(
    values.map(({ name, dims }) => [
      name,
      dims.reduce<TensorValue>(
        (value, dim, axis) =>
          axis && typeof dim !== 'number' ? resizeAxis(value, axis - without, tokens, { fill: 0, side }) : value,
        given[name]!,
      ),
    ]),
  );
}

/** Values of several runs as those of one. */
function joinRows(parts: readonly NamedValues[]): NamedValues {
  if (parts.length < 2) return parts[0] ?? {};
  return Object.fromEntries(
    Object.entries(parts[0]!).map(([name, first]) => {
      const all = parts.map((part) => part[name]!);
      const data = new Uint16Array(sumOf(all, (part) => part.data.length));
      let at = 0;
      for (const part of all) {
        data.set(part.data as Uint16Array, at);
        at += part.data.length;
      }
      const rows = sumOf(all, ({ dims }) => dims[0]!);
      return [name, { ...first, dims: [rows, ...first.dims.slice(1)], data: data as TypedArray }];
    }),
  );
}

/** Infinity and what is no number, in float16. */
const NO_NUMBER = 0x7c00;

function checkNumbers(outputs: NamedValues, { path }: TeacherProbe): void {
  for (const { data } of Object.values(outputs))
    if ((data as Uint16Array).some((bits) => (bits & NO_NUMBER) === NO_NUMBER))
      throw new UserError('has inner values that are no numbers', { file: path, mend: 'match something else' });
}
