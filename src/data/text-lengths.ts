import { UserError } from '../errors.js';
import type { Dataset } from './types.js';

/** Lengths of the texts read so far, so that each is read for its length once. */
const KNOWN = new WeakMap<Dataset, Map<number, number>>();

/**
 * Characters of texts, both of a pair; undefined where the data are no texts. A text that cannot be read has none: that
 * is told where it is used.
 */
export async function textLengths(
  dataset: Dataset,
  indices: readonly number[],
): Promise<((index: number) => number) | undefined> {
  if (dataset.kind !== 'text') return undefined;
  const lengths = KNOWN.get(dataset) ?? new Map<number, number>();
  KNOWN.set(dataset, lengths);
  for (const index of indices) if (!lengths.has(index)) lengths.set(index, await lengthOf(dataset, index));
  return (index) => lengths.get(index) ?? 0;
}

async function lengthOf(dataset: Dataset, index: number): Promise<number> {
  try {
    const sample = await dataset.load(index);
    return sample.kind === 'text' ? sample.text.length + (sample.pair?.length ?? 0) : 0;
  } catch (error) {
    if (error instanceof UserError) return 0;
    throw error;
  }
}
