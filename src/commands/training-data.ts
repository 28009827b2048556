import { overlapOf, splitHoldOut } from '../data/split.js';
import { batchTargets } from '../data/targets.js';
import type { TaskData } from '../data/task.js';
import { epochOrder, type TrainingBatchOptions, trainingBatches } from '../data/training-batches.js';
import { UserError } from '../errors.js';
import type { NamedValues } from '../ir/types.js';
import type { FeatureCache } from '../training/feature-cache.js';
import { ROW_WEIGHTS, TARGETS } from '../training/objectives.js';
import type { Workbench } from './workbench.js';

/** Samples to learn from, and samples to choose by. */
export interface TrainingData {
  data: TaskData;
  indices: readonly number[];
  validation: { data: TaskData; indices: readonly number[] };
  /** What stands in for validation data that was not given. */
  note: string | undefined;
}

/** Options that say what is learnt from. */
export interface TrainingDataOptions {
  train: string;
  validation?: string | undefined;
  holdOut: number;
  seed: number;
}

/**
 * Opens the training data, and holds out a share of it where there is none to validate on.
 * @throws UserError where a sample has no label, or too few are left
 */
export async function openTrainingData(
  bench: Pick<Workbench, 'open'>,
  options: TrainingDataOptions,
): Promise<TrainingData> {
  const data = await bench.open(options.train);
  const all = Array.from({ length: data.dataset.size }, (_, index) => index);
  checkLabels(data, all);
  if (options.validation !== undefined) {
    const validation = await bench.open(options.validation);
    const indices = Array.from({ length: validation.dataset.size }, (_, index) => index);
    checkLabels(validation, indices);
    return { data, indices: all, validation: { data: validation, indices }, note: undefined };
  }
  const { train, held } = splitHoldOut(data, options.holdOut, options.seed);
  if (!train.length || !held.length)
    throw new UserError(`has ${all.length} samples, too few to hold some out for validation`, {
      file: options.train,
      mend: 'name validation data with --validation, or change --hold-out',
    });
  const note = `${held.length} of ${all.length} training samples are held out to choose the best epoch (--validation names others)`;
  return { data, indices: train, validation: { data, indices: held }, note };
}

function checkLabels(data: TaskData, indices: readonly number[]): void {
  const missing = indices.find((index) => data.labels.targets[index] === undefined);
  if (missing === undefined) return;
  throw new UserError('has no label', {
    file: data.dataset.path,
    where: data.dataset.describe(missing),
    mend: 'label every sample that is trained on',
  });
}

/** Says where test samples are among those that are trained on: what is measured on them tells little. */
export async function overlapWarnings(training: TrainingData, test: TaskData | undefined): Promise<string[]> {
  if (!test) return [];
  const { samePath, shared, compared } = await overlapOf(training.data.dataset, test.dataset);
  if (samePath) return ['the test data is the training data: its figures say nothing about other samples'];
  if (!shared.length) return [];
  return [
    `${shared.length} of ${compared.test} test samples are in the training data: figures are too good by as much`,
  ];
}

/** How batches are fed. */
export interface FeedOptions extends Omit<TrainingBatchOptions, 'epoch' | 'skipBatches'> {
  classWeights: 'none' | 'balanced';
}

/** The batches of an epoch, counted from 1, without the first few; the same each time. */
export type EpochBatches = (epoch: number, skip: number) => AsyncGenerator<NamedValues>;

/** Gives the batches of an epoch with their targets and the weight of each row. */
export function feedsOf({ data, indices }: Pick<TrainingData, 'data' | 'indices'>, options: FeedOptions): EpochBatches {
  const targetsOf = targetFeeds(data, indices, options);
  return async function* (epoch, skip) {
    for await (const batch of trainingBatches(data, indices, { ...options, epoch, skipBatches: skip })) {
      yield { ...batch.feeds, ...targetsOf(batch.indices) };
    }
  };
}

/** The same for features that were computed before. */
export function cachedFeedsOf(
  { data, indices }: Pick<TrainingData, 'data' | 'indices'>,
  cache: FeatureCache,
  options: FeedOptions,
): EpochBatches {
  const targetsOf = targetFeeds(data, indices, options);
  return async function* (epoch, skip) {
    const order = epochOrder(indices, options.seed, epoch);
    for (let from = skip * options.batchSize; from < order.length; from += options.batchSize) {
      const chosen = order.slice(from, from + options.batchSize);
      yield { ...cache.read(chosen), ...targetsOf(chosen) };
    }
  };
}

/** Targets of samples, and the weight of each in the loss; weights sum to one. */
function targetFeeds(
  data: TaskData,
  indices: readonly number[],
  { classWeights }: FeedOptions,
): (indices: readonly number[]) => NamedValues {
  const weightOf = classWeights === 'balanced' ? balancedWeights(data, indices) : () => 1;
  return (chosen) => {
    const weights = Float32Array.from(chosen, weightOf);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return {
      [TARGETS]: batchTargets(data, chosen),
      [ROW_WEIGHTS]: { type: 'float32', dims: [chosen.length], data: weights.map((weight) => weight / total) },
    };
  };
}

/** Weights of samples in inverse proportion to how many there are of their class. */
function balancedWeights({ labels }: TaskData, indices: readonly number[]): (index: number) => number {
  const counts = new Map<number, number>();
  const classOf = (index: number) => [labels.targets[index]!].flat()[0] ?? -1;
  for (const index of indices) counts.set(classOf(index), (counts.get(classOf(index)) ?? 0) + 1);
  return (index) => indices.length / (counts.size * counts.get(classOf(index))!);
}
