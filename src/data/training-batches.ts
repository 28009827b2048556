import { UserError } from '../errors.js';
import { evenBounds } from '../parallel/collective.js';
import type { Augmentation } from './augment/augmentation.js';
import { Collector } from './collector.js';
import { type EpochPlanOptions, epochPlan } from './epoch-plan.js';
import { readAhead } from './read-ahead.js';
import type { TaskData } from './task.js';
import { textLengths } from './text-lengths.js';
import { trainingReader } from './training-reader.js';
import type { Batch } from './types.js';

export { epochOrder } from './epoch-plan.js';

/** How the batches of an epoch are made. */
export interface TrainingBatchOptions extends EpochPlanOptions {
  /** Which rows of each batch are made; all where absent. */
  share?: BatchShare | undefined;
  /** Batches at the beginning of the epoch that are left out, because they are done. */
  skipBatches?: number | undefined;
  /** Random changes of the samples; none by default. */
  augmentations?: readonly Augmentation[] | undefined;
  /** Batches prepared ahead of the one in use; 2 by default. */
  prefetch?: number | undefined;
  /** Bytes of samples that are kept from epoch to epoch, as they are before augmentation; 256 MB by default. */
  cacheBytes?: number | undefined;
}

/** One of the even parts of each batch, for one of several processes. */
export interface BatchShare {
  /** Which one; undefined where no rows are wanted. */
  part: number | undefined;
  parts: number;
}

/** What of some rows is one's share. */
export function shareOf<Row>(rows: readonly Row[], share: BatchShare | undefined): readonly Row[] {
  if (!share) return rows;
  const { part, parts } = share;
  if (part === undefined) return [];
  const bounds = evenBounds(rows.length, parts);
  return rows.slice(bounds[part], bounds[part + 1]);
}

/** A batch, or a share of one. */
export interface PlannedBatch extends Batch {
  /** The samples that were planned for all of it. */
  planned: readonly number[];
}

/** Bytes of samples that are kept from epoch to epoch where nothing is said. */
export const CACHE_BYTES = 256e6;

/**
 * The batches of one epoch, prepared ahead while the model learns. Order and augmentation are functions of the seed, the
 * epoch and the samples' indices alone: an interrupted epoch goes on as it would have. Every epoch has as many batches:
 * where all samples of one are bad and may be left out, it is made of the samples of the next. Of a share, those samples
 * alone are read; where all of them are bad, there are none.
 * @throws UserError naming the first sample that is bad; where there are fewer samples than a batch takes and the last
 * batch is dropped; where no sample can be read
 */
export async function* trainingBatches(
  data: TaskData,
  indices: readonly number[],
  options: TrainingBatchOptions,
): AsyncGenerator<PlannedBatch, void, undefined> {
  const { seed, epoch, share, skipBatches = 0, augmentations = [], prefetch = 2, cacheBytes = CACHE_BYTES } = options;
  const plan = epochPlan(indices, options, await textLengths(data.dataset, indices));
  if (plan.length === 0) throw tooFew(data, indices, options.batchSize);
  const reader = trainingReader(data, { augmentations, seed, epoch, cacheBytes });
  const { skipBadSamples } = data;
  const onSkip = (index: number) => data.skipped.add(index);
  const collector = new Collector(data.dataset, data.preprocessor, reader, { skipBadSamples, onSkip });
  const collect = async (at: number) => {
    for (let turn = 0; turn < plan.length; turn++) {
      const planned = plan[(skipBatches + at + turn) % plan.length]!;
      const batch = await collector.collect(shareOf(planned, share));
      if (batch.indices.length > 0 || share) return { ...batch, planned };
    }
    throw new UserError('holds no sample that can be read', { file: data.dataset.path, mend: 'repair the data' });
  };
  try {
    yield* readAhead(Math.max(0, plan.length - skipBatches), prefetch, collect);
  } finally {
    collector.stop();
  }
}

function tooFew({ dataset }: TaskData, indices: readonly number[], batchSize: number): UserError {
  const what = `gives ${indices.length} samples to train on, fewer than a batch of ${batchSize}`;
  return new UserError(what, { file: dataset.path, mend: `use batches of at most ${indices.length} or more data` });
}
