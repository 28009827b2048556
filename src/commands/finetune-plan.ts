import { parseAugmentations } from '../data/augment/parse.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { globToRegExp } from '../glob.js';
import { sumOf } from '../group.js';
import type { Model } from '../ir/model.js';
import type { Tensor } from '../ir/tensor.js';
import { FeatureCache } from '../training/feature-cache.js';
import { cutFrozenPart, type FrozenPart } from '../training/frozen-part.js';
import { withHints } from '../training/hints.js';
import { classification, distilling, together } from '../training/objectives.js';
import type { Parameter } from '../training/parameters.js';
import { freezeParameters, prepareForTraining, type TrainableModel } from '../training/prepare.js';
import type { CommandContext } from './context.js';
import { restoreNorms } from './finetune-norms.js';
import type { FinetuneOptions } from './finetune-options.js';
import { scoreKindOf } from './score-kind.js';
import {
  cachedFeedsOf,
  type EpochBatches,
  type FeedOptions,
  feedsOf,
  firstOf,
  type TrainingData,
} from './training-data.js';
import type { TrainingOptions } from './training-options.js';
import { planSteps, type TrainingSteps } from './training-steps.js';
import type { Workbench } from './workbench.js';

/** What is trained and how. */
export interface FinetunePlan {
  steps: TrainingSteps;
  batchSize: number;
  batches: EpochBatches;
  assemble?: ((weights: ReadonlyMap<string, Tensor>) => Model) | undefined;
  /** Factor of the learning rate of a parameter. */
  rateOf(parameter: Parameter): number;
  /** Removes what was kept on disk. */
  close(): void;
}

/** Options that decide how a model is trained. */
export type BatchOptions = TrainingOptions & Pick<FinetuneOptions, 'train' | 'batch'>;

/** Options that decide what is trained and how. */
export type PlanOptions = BatchOptions &
  Pick<FinetuneOptions, 'freeze' | 'freezeLayers' | 'layerDecay' | 'cacheFeatures'>;

/** Samples of an update, by kind of data. */
const BATCH_SIZES = { image: 64, text: 16, audio: 32, arrays: 32 } as const;

/** Samples of a batch: as many as the model insists on, else as the options say. */
export const batchSizeOf = ({ fixedBatch, dataset }: TaskData, { batch }: { batch?: number | undefined }): number =>
  fixedBatch ?? batch ?? BATCH_SIZES[dataset.kind];

/**
 * Decides what is frozen and how batches are worked on, and says what the run will take.
 * @param head parameters of a new last layer, which are never frozen.
 * @throws UserError where a pattern fits nothing, everything is frozen, or a node has no gradient
 */
export async function planFinetuning(
  bench: Workbench,
  training: TrainingData,
  options: PlanOptions,
  context: CommandContext,
  head: readonly string[] = [],
): Promise<FinetunePlan> {
  const batchSize = checkBatch(training, options);
  const all = await prepareForTraining(bench.model, training.teacher?.hints?.named);
  const isFrozen = freezer(all.parameters, options, head);
  const restoring = { bench, training, all, isFrozen, batchSize, seed: options.seed };
  const restored = options.batchNorm === 'restore' ? await restoreNorms(restoring, context) : undefined;
  const trainable = restored?.trainable ?? freezeParameters(all, isFrozen);
  const cut = options.cacheFeatures && isUnchanged(options) ? await cutFrozenPart(trainable) : undefined;
  const cache = cut && (await cacheFeatures(bench, cut, training, context));
  try {
    const trained = { trainable: cut?.trained ?? trainable, all: all.parameters, cache };
    const plan = await planTrained(bench, training, trained, options, context);
    const layers = 1 + Math.max(...plan.steps.parameters.map(({ depth }) => depth));
    const rateOf = ({ depth }: Parameter) => options.layerDecay ** (layers - 1 - depth);
    return { ...plan, assemble: restored?.assemble, rateOf, close: () => cache?.close() };
  } catch (error) {
    cache?.close();
    throw error;
  }
}

/** What is trained: a model with parameters as inputs. */
export interface Trained {
  trainable: TrainableModel;
  /** The parameters that could be trained. */
  all: readonly Parameter[];
  /** What a frozen part of the model gives for the samples. */
  cache?: FeatureCache | undefined;
}

/** Decides how batches are made and worked on, and says what the run will take. */
export async function planTrained(
  bench: Workbench,
  training: TrainingData,
  { trainable, all, cache }: Trained,
  options: BatchOptions,
  context: CommandContext,
): Promise<Pick<FinetunePlan, 'steps' | 'batchSize' | 'batches'>> {
  const { data } = training;
  const batchSize = checkBatch(training, options);
  const augmentations = parseAugmentations(options.augment, data);
  const { seed, classWeights, epochs } = options;
  const feeds = { batchSize, epochs, seed, classWeights, augmentations: augmentations.list };
  const batchesOf = (more: Pick<FeedOptions, 'share' | 'prefetch'>) =>
    cache ? cachedFeedsOf(training, cache, { ...feeds, ...more }) : feedsOf(training, { ...feeds, ...more });
  const typical = await firstOf(batchesOf({ prefetch: 0 })(1, 0));
  const objective = await objectiveOf(bench, training, options);
  const { output, fixedBatch } = data;
  const looksInside = training.teacher?.hints !== undefined;
  const site = { bench, looksInside, trainable, objective, output, typical, batchSize, fixedBatch };
  const steps = await planSteps(site, options, context);
  context.note(planText(steps, all, training, batchSize));
  for (const note of steps.notes.slice(1)) context.note(note);
  if (!cache && augmentations.description) context.note(`samples are changed at random: ${augmentations.description}`);
  return { steps, batchSize, batches: batchesOf({ share: steps.share }) };
}

/** True where samples are the same in each epoch, so that what frozen layers make of them is, too. */
const isUnchanged = ({ augment }: PlanOptions) => augment === 'none';

async function cacheFeatures(
  bench: Workbench,
  cut: FrozenPart,
  { data, indices }: TrainingData,
  context: CommandContext,
): Promise<FeatureCache> {
  const task = context.progress.start('computing what the frozen layers give', indices.length);
  const cache = await FeatureCache.compute(cut, data.stream(indices), {
    workers: bench.workers,
    session: bench.session,
    onProgress: (samples) => task.advance(samples),
  });
  task.done();
  context.note('the frozen layers were run once; training uses what they gave');
  return cache;
}

async function objectiveOf(bench: Workbench, training: TrainingData, { labelSmoothing }: BatchOptions) {
  const { output, kind, labels } = training.data;
  const probabilities = (await scoreKindOf(bench, training.data, training.indices)) === 'probabilities';
  const { teacher, alike = [] } = training;
  const objective = together(
    [output, ...alike].map((each) => {
      const scores = { output: each, kind, probabilities, classes: labels.classes.length, labelSmoothing };
      return teacher ? distilling({ ...scores, ...teacher }) : classification(scores);
    }),
  );
  if (!teacher) return objective;
  const { hints } = teacher;
  return hints ? withHints(objective, hints.terms, hints.mask) : objective;
}

/** True for parameters of the model that gradients move. */
const isOwn = ({ isStatistic, isAuxiliary }: Parameter) => !isStatistic && !isAuxiliary;

function planText(
  { parameters, notes }: TrainingSteps,
  all: readonly Parameter[],
  { indices }: TrainingData,
  batchSize: number,
): string {
  const shown = (count: number) => count.toLocaleString('en');
  const size = (some: readonly Parameter[]) => sumOf(some, ({ tensor }) => tensor.size);
  return (
    `training ${shown(size(parameters.filter(isOwn)))} of ${shown(size(all))} parameters on ${shown(indices.length)} samples, ` +
    `${batchSize} in a batch; ${notes[0]}`
  );
}

/** Samples of a batch. @throws UserError where there are fewer */
export function checkBatch(
  { indices, data }: Pick<TrainingData, 'indices' | 'data'>,
  options: Pick<BatchOptions, 'train' | 'batch'>,
): number {
  const batchSize = batchSizeOf(data, options);
  if (indices.length < batchSize)
    throw new UserError(`has ${indices.length} samples to train on, fewer than the ${batchSize} of a batch`, {
      file: options.train,
      mend: data.fixedBatch ? 'give more samples' : 'give more samples, or a smaller --batch',
    });
  if (data.fixedBatch && options.batch && options.batch !== data.fixedBatch)
    throw new UserError(`the model takes ${data.fixedBatch} samples at a time`, {
      file: '--batch',
      mend: `leave it out, and use --accumulate for larger updates`,
    });
  return batchSize;
}

/** Tells which parameters stay as they are. */
function freezer(
  parameters: readonly Parameter[],
  { freeze, freezeLayers }: PlanOptions,
  head: readonly string[],
): (parameter: Parameter) => boolean {
  const expressions = freeze.map((pattern) => {
    const expression = globToRegExp(pattern);
    if (parameters.some((parameter) => fits(expression, parameter))) return expression;
    throw new UserError(`'${pattern}' fits no parameter`, {
      file: '--freeze',
      mend: `give names of parameters or of their nodes, with * for any letters; one is '${parameters[0]!.name}'`,
    });
  });
  return (parameter) =>
    !head.includes(parameter.name) &&
    (parameter.depth < freezeLayers || expressions.some((expression) => fits(expression, parameter)));
}

/** Node names of some exporters begin with a slash, which nobody writes who means a layer. */
const fits = (expression: RegExp, { name, consumer }: Parameter) =>
  [name, consumer.name, ...consumer.outputs].some(
    (candidate) => expression.test(candidate) || expression.test(candidate.replace(/^\//, '')),
  );
