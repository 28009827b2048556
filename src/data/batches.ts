import { availableParallelism } from 'node:os';
import { UserError } from '../errors.js';
import type { NamedValues, TensorValue } from '../ir/types.js';
import type { Batch, Dataset, Preprocessor } from './types.js';

/** How samples are turned into batches. */
export interface BatchOptions {
  /** The samples, in the order wanted; all of them by default. */
  indices?: readonly number[] | undefined;
  /** Samples in a batch; the last one may have fewer. */
  batchSize: number;
  /** Batches prepared ahead of the one in use; 2 by default. */
  prefetch?: number | undefined;
  /** Leaves out samples that cannot be read or prepared, so that a batch may have fewer, instead of throwing. */
  skipBadSamples?: boolean | undefined;
  /** Called for each sample left out. */
  onSkip?: ((index: number, error: UserError) => void) | undefined;
}

/**
 * Loads and prepares samples while earlier batches are in use. At most `prefetch` batches lie ready, and a few samples
 * per core are being decoded at a time, so memory does not grow with the data.
 * @throws UserError naming the first sample that cannot be read or prepared, or holds NaN or infinity
 */
export async function* batches(
  dataset: Dataset,
  preprocessor: Preprocessor,
  options: BatchOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { batchSize, prefetch = 2 } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) throw new RangeError(`batch size ${batchSize}`);
  const order = options.indices ?? Array.from({ length: dataset.size }, (_, index) => index);
  const limit = limiter(2 * availableParallelism() + 2);
  const prepare = (index: number) => limit(() => prepareOrSkip(dataset, preprocessor, index, options));
  const ready: Promise<Batch>[] = [];
  try {
    for (let next = 0; next < order.length || ready.length > 0; ) {
      while (next < order.length && ready.length <= prefetch) {
        const batch = collect(dataset, preprocessor, order.slice(next, next + batchSize), prepare);
        batch.catch(() => {}); // it may fail before its turn to be awaited comes
        ready.push(batch);
        next += batchSize;
      }
      const batch = await ready.shift()!;
      if (batch.indices.length > 0) yield batch;
    }
  } finally {
    limit.stop();
  }
}

async function collect(
  dataset: Dataset,
  preprocessor: Preprocessor,
  indices: readonly number[],
  prepare: (index: number) => Promise<NamedValues | undefined>,
): Promise<Batch> {
  const prepared = await Promise.all(indices.map(prepare));
  const kept = indices.filter((_, at) => prepared[at] !== undefined);
  const samples = prepared.filter((sample) => sample !== undefined);
  if (kept.length === 0) return { indices: [], feeds: {} };
  try {
    return { indices: kept, feeds: preprocessor.collate(samples) };
  } catch (error) {
    throw placed(error, dataset, `${dataset.describe(kept[0]!)} … ${dataset.describe(kept.at(-1)!)}`);
  }
}

async function prepareOrSkip(
  dataset: Dataset,
  preprocessor: Preprocessor,
  index: number,
  options: BatchOptions,
): Promise<NamedValues | undefined> {
  try {
    const inputs = await preprocessor.prepare(await dataset.load(index));
    for (const [name, value] of Object.entries(inputs)) checkFinite(name, value);
    return inputs;
  } catch (error) {
    const told = placed(error, dataset, dataset.describe(index));
    if (!(told instanceof UserError)) throw told;
    if (!options.skipBadSamples)
      throw told.at({ mend: `${told.place.mend ?? 'repair it'}, or pass --skip-bad-samples` });
    options.onSkip?.(index, told);
    return undefined;
  }
}

/** The error, with the sample's place where it names none. */
function placed(error: unknown, dataset: Dataset, where: string): unknown {
  if (!(error instanceof UserError) || error.place.file !== undefined) return error;
  return error.at({ file: dataset.path, where });
}

/** @throws UserError where a float value is NaN or infinite */
function checkFinite(name: string, { type, data }: TensorValue): void {
  if (isAllFinite(type, data)) return;
  throw new UserError(`input '${name}' holds NaN or infinity`, { mend: 'repair the sample' });
}

function isAllFinite(type: TensorValue['type'], data: TensorValue['data']): boolean {
  if (data instanceof Float32Array || data instanceof Float64Array) {
    let zero = 0;
    for (let at = 0; at < data.length; at++) zero += data[at]! * 0;
    return zero === 0;
  }
  const exponent = { float16: 0x7c00, bfloat16: 0x7f80 }[type as string];
  return exponent === undefined || !(data as Uint16Array).some((bits) => (bits & exponent) === exponent);
}

interface Limiter {
  <Result>(task: () => Promise<Result>): Promise<Result>;
  /** Drops the tasks that have not begun. */
  stop(): void;
}

/** Runs tasks in the order given, `most` at a time. */
function limiter(most: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;
  const limit = async <Result>(task: () => Promise<Result>): Promise<Result> => {
    if (running < most) running += 1;
    else await new Promise<void>((begin) => waiting.push(begin));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
  return Object.assign(limit, {
    stop() {
      waiting.length = 0;
    },
  });
}
