import { mixedSeed, seededRandom } from '../random.js';
import { checkTwice, parseItem, showItem } from './augment/items.js';
import { CORRUPTIONS } from './corruptions.js';
import type { Dataset, RawSample } from './types.js';

/** Data whose samples are corrupted, and how, with every number. */
export interface CorruptedData {
  dataset: Dataset;
  description: string;
}

/**
 * Data as a worse world has it: noise, blur and others, one after the other. What happens to a sample depends on the seed and
 * its place alone.
 * @param text names with their strength, as `noise=0.2,blur=1`.
 * @param option that the text comes from, for messages.
 * @throws UserError where a name is not known for the kind of data or is given twice, or a number is out of range
 */
export function corrupted(dataset: Dataset, text: string, seed: number, option = '--corrupt'): CorruptedData {
  const { kind } = dataset;
  const vocabulary = { option, noun: 'corruption', kind, rows: CORRUPTIONS[kind], words: [] };
  const items = text.split(',').map((part) => parseItem(part, vocabulary));
  checkTwice(items, option);
  const list = items.map(({ row, values }) => row.make(values[0]!));
  const { path, size, classNames } = dataset;
  return {
    description: items.map(showItem).join(','),
    dataset: {
      ...{ path, kind, size, classNames },
      label: (index) => dataset.label(index),
      describe: (index) => dataset.describe(index),
      async load(index): Promise<RawSample> {
        const random = seededRandom(mixedSeed(seed, index));
        let sample = await dataset.load(index);
        for (const corrupt of list) sample = await corrupt(sample, random);
        return sample;
      },
    },
  };
}
