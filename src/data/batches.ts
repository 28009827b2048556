import { type BadSampleOptions, Collector } from './collector.js';
import { checkFinite } from './finite.js';
import { readAhead } from './read-ahead.js';
import type { Batch, Dataset, Preprocessor } from './types.js';

/** How samples are turned into batches. */
export interface BatchOptions extends BadSampleOptions {
  /** The samples, in the order wanted; all of them by default. */
  indices?: readonly number[] | undefined;
  /** Samples in a batch; the last one may have fewer. */
  batchSize: number;
  /** Batches prepared ahead of the one in use; 2 by default. */
  prefetch?: number | undefined;
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
  const order = options.indices ?? Array.from({ length: dataset.size }, (_, index) => index);
  const plan = chunks(order, options.batchSize);
  const read = async (index: number) => {
    const inputs = await preprocessor.prepare(await dataset.load(index));
    checkFinite(inputs);
    return inputs;
  };
  const collector = new Collector(dataset, preprocessor, { read }, options);
  try {
    for await (const batch of readAhead(plan.length, options.prefetch ?? 2, (at) => collector.collect(plan[at]!))) {
      if (batch.indices.length > 0) yield batch;
    }
  } finally {
    collector.stop();
  }
}

/** Items in pieces of `size`; the last one may have fewer. */
export function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`batch size ${size}`);
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
