import { mixedSeed, seededRandom, shuffled } from '../random.js';
import { chunks } from './batches.js';

/** What decides the batches of an epoch. */
export interface EpochPlanOptions {
  batchSize: number;
  seed: number;
  epoch: number;
  /** Leaves out the samples that do not fill a batch: others in every epoch. */
  dropLast?: boolean | undefined;
}

/** Batches that are sorted by length together: enough that little is padded, few enough that batches stay random. */
const BATCHES_SORTED = 32;

/** Items in an order that is random, but the same for the same seed and epoch. */
export function epochOrder<Item>(items: readonly Item[], seed: number, epoch: number): Item[] {
  return shuffled(items, seededRandom(mixedSeed(seed, epoch)));
}

/**
 * The samples of each batch of an epoch, shuffled anew for every seed and epoch. With lengths, samples of like length
 * share a batch: runs of 32 batches are sorted by length (bucketing, as in Khomenko et al. 2016, arXiv:1708.05604), then
 * the batches are shuffled. All batches are full but the last, which is of random samples.
 */
export function epochPlan(
  indices: readonly number[],
  { batchSize, seed, epoch, dropLast = false }: EpochPlanOptions,
  lengthOf?: (index: number) => number,
): number[][] {
  const order = epochOrder(indices, seed, epoch);
  const full = order.length - (order.length % batchSize);
  const rest = dropLast || full === order.length ? [] : [order.slice(full)];
  const whole = order.slice(0, full);
  if (!lengthOf) return [...chunks(whole, batchSize), ...rest];
  const sorted = chunks(whole, BATCHES_SORTED * batchSize).flatMap((run) =>
    chunks(
      run.sort((a, b) => lengthOf(a) - lengthOf(b)),
      batchSize,
    ),
  );
  return [...epochOrder(sorted, seed, epoch), ...rest];
}
