import { overlapOf, splitHoldOut } from '../data/split.js';
import { batchTargets } from '../data/targets.js';
import { firstSamples, type TaskData } from '../data/task.js';
import {
  type BatchShare,
  epochOrder,
  type PlannedBatch,
  shareOf,
  type TrainingBatchOptions,
  trainingBatches,
} from '../data/training-batches.js';
import type { Batch } from '../data/types.js';
import { UserError } from '../errors.js';
import type { Evaluation } from '../evaluate/evaluate-models.js';
import type { TeacherValues } from '../evaluate/teacher-values.js';
import type { NamedValues } from '../ir/types.js';
import type { PaddedAxis } from '../training/batch-part.js';
import type { FeatureCache } from '../training/feature-cache.js';
import type { TrainingBatch } from '../training/group.js';
import type { FedHint } from '../training/hints.js';
import { LABEL_SHARE, ROW_WEIGHTS, TARGETS, TEACHER } from '../training/objectives.js';
import type { Recipe } from './distill-recipes.js';
import type { Changes } from './distill-views.js';
import type { Workbench } from './workbench.js';

/** Samples to learn from, and samples to choose by. */
export interface TrainingData {
  data: TaskData;
  indices: readonly number[];
  validation: Validation;
  /** What stands in for validation data that was not given. */
  note: string | undefined;
  /** What a teacher says of the samples, where there is one. */
  teacher?: TeacherTargets | undefined;
  /** Outputs that are trained for the same as that of the data. */
  alike?: readonly string[] | undefined;
}

/** Samples to choose by. */
export interface Validation {
  data: TaskData;
  indices: readonly number[];
  /** Accuracy on them, where that is more than the share that is right. */
  accuracyOf?: ((evaluation: Evaluation) => number) | undefined;
}

/** What is learnt from a teacher, and how. */
export interface TeacherTargets extends Recipe {
  /** Logits of samples in the order of the student's classes: rows × classes. */
  logits(indices: readonly number[]): Float32Array;
  /** The same of samples as they are changed, where teachers see them so. */
  views?: ViewedLogits | undefined;
  isLabelled(index: number): boolean;
  /** Tells the outputs from those of other teachers and data. */
  key: string;
  /** Inner values that are compared, too. */
  hints?: TeacherHints | undefined;
}

/** What teachers that run along say of batches. */
export interface ViewedLogits {
  along<B extends Batch>(batches: AsyncIterable<B>, changes: Changes): AsyncIterable<Taught<B>>;
}

/** A batch, perhaps with what its teachers say of it: rows × classes. */
type Taught<B> = B & { logits?: Float32Array | undefined };

/** Inner values of a student that are compared with its teacher's. */
export interface TeacherHints {
  terms: readonly FedHint[];
  /** Values of the student that were named, which preparation has to leave in place. */
  named: readonly string[];
  /** Input of the student that is 0 for what fills texts up, where hints go by tokens. */
  mask: string | undefined;
  /** Tells the teacher's values from others. */
  key: string;
  along: TeacherValues['along'];
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
  checkLabels(data, firstSamples(data));
  return withValidation(data, await openValidation(bench, options), options);
}

/**
 * Opens samples to choose by, where they are data of their own.
 * @throws UserError where one has no label
 */
export async function openValidation(
  bench: Pick<Workbench, 'open'>,
  options: Pick<TrainingDataOptions, 'validation'>,
): Promise<Validation | undefined> {
  if (options.validation === undefined) return undefined;
  const data = await bench.open(options.validation);
  const indices = firstSamples(data);
  checkLabels(data, indices);
  return { data, indices };
}

/**
 * Adds what decides which epoch is kept: data of its own, or samples that are held out.
 * @throws UserError where too few samples are left
 */
export function withValidation(
  data: TaskData,
  own: Validation | undefined,
  options: Pick<TrainingDataOptions, 'train' | 'holdOut' | 'seed'>,
): TrainingData {
  const all = firstSamples(data);
  if (own) return { data, indices: all, validation: own, note: undefined };
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
export async function overlapWarnings(
  { data }: Pick<TrainingData, 'data'>,
  test: TaskData | undefined,
): Promise<string[]> {
  if (!test) return [];
  const { samePath, shared, compared } = await overlapOf(data.dataset, test.dataset);
  if (samePath) return ['the test data is the training data: its figures say nothing about other samples'];
  if (!shared.length) return [];
  return [
    `${shared.length} of ${compared.test} test samples are in the training data: figures are too good by as much`,
  ];
}

/** How batches are fed. */
export interface FeedOptions extends Omit<TrainingBatchOptions, 'epoch' | 'skipBatches'> {
  classWeights: 'none' | 'balanced';
  /** Epochs of the whole training. */
  epochs: number;
}

type TaughtData = Pick<TrainingData, 'data' | 'indices' | 'teacher'>;

/** The batches of an epoch, counted from 1, without the first few; the same each time. */
export type EpochBatches = (epoch: number, skip: number) => AsyncGenerator<TrainingBatch>;

/** Gives the batches of an epoch with their targets and the weight of each row. */
export function feedsOf(training: TaughtData, options: FeedOptions): EpochBatches {
  const { data, indices } = training;
  const targetsOf = targetFeeds(training, options);
  const count = Math.ceil(indices.length / options.batchSize);
  const all = options.epochs * count;
  const padded = paddedAxes(data, training.teacher?.hints);
  return async function* (epoch, skip) {
    let done = (epoch - 1) * count + skip;
    const { share } = options;
    const { views, hints } = training.teacher ?? {};
    const changes = { augmentations: options.augmentations ?? [], seed: options.seed, epoch };
    const batches = trainingBatches(data, indices, { ...options, epoch, skipBatches: skip });
    const taught: AsyncIterable<Taught<PlannedBatch>> = views?.along(batches, changes) ?? batches;
    for await (const { batch, values } of hints?.along(taught) ?? plain(taught)) {
      const { feeds, lost } = targetsOf(share ? batch : { ...batch, planned: batch.indices }, share, done++ / all);
      yield {
        feeds: batch.indices.length ? { ...batch.feeds, ...feeds, ...values } : {},
        part: share && { lost, padded },
      };
    }
  };
}

/** The axes of inputs that are as long as the longest row of a batch. */
function paddedAxes({ preprocessor }: TaskData, hints: TeacherHints | undefined): PaddedAxis[] {
  const own = Object.entries(preprocessor.paddings ?? {});
  const side = preprocessor.text?.padding.side ?? 'right';
  return [
    ...own.map(([input, { axis, value, side }]) => ({ input, axis: axis + 1, fill: value, side })),
    ...(hints?.terms ?? []).flatMap(({ input, dims }) =>
      dims.flatMap((dim, axis) => (dim === undefined ? [{ input, axis, fill: 0, side }] : [])),
    ),
  ];
}

async function* plain<B>(batches: AsyncIterable<B>): AsyncGenerator<{ batch: B; values: NamedValues }> {
  for await (const batch of batches) yield { batch, values: {} };
}

/** The same for features that were computed before; where samples are left out, too, there are as many batches. */
export function cachedFeedsOf(training: TaughtData, cache: FeatureCache, options: FeedOptions): EpochBatches {
  const { indices } = training;
  const targetsOf = targetFeeds(training, options);
  return async function* (epoch, skip) {
    const order = epochOrder(indices, options.seed, epoch);
    const batches = Array.from({ length: Math.ceil(order.length / options.batchSize) }, (_, k) =>
      cache.known(order.slice(k * options.batchSize, (k + 1) * options.batchSize)),
    );
    for (let k = skip; k < batches.length; k++) {
      const chosen = batches[k]!.length ? batches[k] : batches.find(({ length }) => length);
      const done = (epoch - 1 + k / batches.length) / options.epochs;
      if (!chosen) continue;
      const own = shareOf(chosen, options.share);
      const { feeds } = targetsOf({ indices: own, planned: chosen }, options.share, done);
      const part = options.share && { lost: 0, padded: [] };
      yield { feeds: own.length ? { ...cache.read(own), ...feeds } : {}, part };
    }
  };
}

/** The first of some batches, whose sizes are those of all. */
export async function firstOf(batches: ReturnType<EpochBatches>): Promise<NamedValues> {
  for await (const { feeds } of batches) return feeds;
  throw new Error('no batch');
}

/** Gives targets for samples of a share of a batch, and what those of the share weigh that are left out. */
type TargetFeeds = (
  batch: Taught<Pick<PlannedBatch, 'indices' | 'planned'>>,
  share: BatchShare | undefined,
  done: number,
) => { feeds: NamedValues; lost: number };

/**
 * Targets of samples, and the weight of each in the loss; those of the samples that were planned for a batch sum to one.
 * `done` is the share of training that is done.
 */
function targetFeeds({ data, indices, teacher }: TaughtData, { classWeights }: FeedOptions): TargetFeeds {
  const weightOf = classWeights === 'balanced' ? balancedWeights(data, indices) : () => 1;
  const weigh = (some: readonly number[]) => Float32Array.from(some, weightOf);
  const sum = (weights: Float32Array) => weights.reduce((total, weight) => total + weight, 0);
  return ({ indices: chosen, planned, logits }, share, done) => {
    const total = sum(weigh(planned));
    const own = shareOf(planned, share);
    const left = own.length === chosen.length ? [] : own.filter((index) => !chosen.includes(index));
    const lost = sum(weigh(left)) / total;
    if (!chosen.length) return { feeds: {}, lost };
    const weights = weigh(chosen).map((weight) => weight / total);
    const feeds = {
      [TARGETS]: batchTargets(data, chosen),
      [ROW_WEIGHTS]: { type: 'float32' as const, dims: [chosen.length], data: weights },
      ...(teacher && teacherFeeds(teacher, chosen, logits ?? teacher.logits(chosen), done)),
    };
    return { feeds, lost };
  };
}

function teacherFeeds(
  { isLabelled, alpha: [begin, end] }: TeacherTargets,
  chosen: readonly number[],
  data: Float32Array,
  done: number,
): NamedValues {
  const rows = chosen.length;
  const alpha = begin + (end - begin) * done;
  const shares = Float32Array.from(chosen, (index) => (isLabelled(index) ? 1 - alpha : 0));
  return {
    [TEACHER]: { type: 'float32', dims: [rows, data.length / rows], data },
    [LABEL_SHARE]: { type: 'float32', dims: [rows], data: shares },
  };
}

/** Weights of samples in inverse proportion to how many there are of their class. */
function balancedWeights({ labels }: TaskData, indices: readonly number[]): (index: number) => number {
  const counts = new Map<number, number>();
  const classOf = (index: number) => [labels.targets[index]!].flat()[0] ?? -1;
  for (const index of indices) counts.set(classOf(index), (counts.get(classOf(index)) ?? 0) + 1);
  return (index) => indices.length / (counts.size * counts.get(classOf(index))!);
}
