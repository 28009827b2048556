import {
  BATCH_NORMS,
  CHANNEL_ORDERS,
  CLASS_WEIGHTS,
  DEVICES,
  FEATURES,
  INTERPOLATIONS,
  LAUNCHERS,
  OPTIMIZERS,
  PADDINGS,
  RESIZE_MODES,
  SCHEDULES,
} from './choices.js';
import {
  byteCount,
  choice,
  factor,
  flag,
  fraction,
  imageSize,
  listOf,
  milliseconds,
  name,
  nonNegativeNumber,
  numberList,
  numberOf,
  path,
  positiveNumber,
  recallLimits,
  share,
  text,
  wholeNumber,
  within,
} from './option-values.js';

/** Options that name files or folders. */
export const PATH_OPTIONS: readonly string[] = [
  'data',
  'train',
  'unlabelled',
  'validation',
  'teacher',
  'cascade',
  'domain',
  'source',
  'sourceTest',
  'teacherCache',
  'classes',
  'calibration',
  'labels',
  'baseline',
  'output',
  'report',
];

/** Options of one run, which are no part of what is done. */
export const RUN_OPTIONS: readonly string[] = ['json', 'dryRun', 'quiet', 'verbose', 'color'];

/** Options of every command. */
export const displayShape = {
  quiet: flag().default(false),
  verbose: flag().default(false),
  color: flag().default(true),
};

/** Options of commands that write. */
export const outputShape = {
  output: path().optional(),
  report: listOf(path()).default([]),
  json: flag().default(false),
  force: flag().default(false),
  dryRun: flag().default(false),
};

/** Options of commands that run models. */
export const runningShape = {
  device: choice(DEVICES).default('cpu'),
  threads: wholeNumber(1).optional(),
  /** Copies of the model that share the work; absent: one per core, in training where that is exact. */
  workers: wholeNumber(1).optional(),
  seed: wholeNumber(0).default(0),
};

/** Options of commands that read data. */
export const dataShape = {
  data: path().optional(),
  inputColumn: name().optional(),
  textColumn: name().optional(),
  pairColumn: name().optional(),
  labelColumn: name().optional(),
  delimiter: text('one character, or \\t', (given) =>
    given === '\\t' ? '\t' : given.length === 1 ? given : undefined,
  ).optional(),
  split: name().optional(),
  labels: path().optional(),
  limit: wholeNumber(1).optional(),
  skipBadSamples: flag().default(false),
};

/** Options of commands that train. */
export const trainingShape = {
  train: path(),
  /** Data that decides which epoch is kept; a share of the training data where absent. */
  validation: path().optional(),
  holdOut: fraction().default(0.1),
  epochs: wholeNumber(0).default(3),
  /** Samples of an update; absent: by the kind of data. */
  batch: wholeNumber(1).optional(),
  /** Batches whose gradients make one update. */
  accumulate: wholeNumber(1).default(1),
  optimizer: choice(OPTIMIZERS).default('adamw'),
  lr: positiveNumber().default(1e-3),
  schedule: choice(SCHEDULES).default('cosine'),
  /** Share of the updates over which the learning rate rises. */
  warmup: fraction().default(0.05),
  weightDecay: nonNegativeNumber().default(0.01),
  momentum: fraction().default(0.9),
  nesterov: flag().default(false),
  /** Largest norm of the gradient; 0 for none. */
  clipNorm: nonNegativeNumber().default(0),
  /** Share of the moving average of the weights that is kept at each update; 0 for none. */
  ema: fraction().default(0),
  labelSmoothing: fraction().default(0),
  classWeights: choice(CLASS_WEIGHTS).default('none'),
  augment: name().default('none'),
  /** Whether batch normalizations use the statistics of the batch. */
  batchNorm: choice(BATCH_NORMS).default('train'),
  /** Computes again what the backward pass needs, where keeping it takes more memory. */
  checkpointing: flag().default(false),
  /** Weights that are zero stay zero. */
  keepZeros: flag().default(false),
  /** Epochs without a better score after which training ends. */
  patience: wholeNumber(1).optional(),
  /** Goes on from the checkpoint of an interrupted run. */
  resume: flag().default(false),
  /** Seconds between checkpoints. */
  checkpointEvery: positiveNumber().default(60),
  /** Stages that the model is cut into, and trained as a pipeline. */
  pipeline: wholeNumber(2).optional(),
  /** Parts of a batch that follow one another through a pipeline. */
  microBatches: wholeNumber(1).optional(),
  /** What started the processes that train together. */
  launcher: choice(LAUNCHERS).default('local'),
};

/** Options that say how samples become inputs. */
export const preprocessingShape = {
  resize: imageSize().optional(),
  crop: imageSize().optional(),
  resizeMode: choice(RESIZE_MODES).optional(),
  interpolation: choice(INTERPOLATIONS).optional(),
  scale: positiveNumber().optional(),
  mean: numberList().optional(),
  std: numberList().optional(),
  channels: choice(CHANNEL_ORDERS).optional(),
  layout: name().optional(),
  maxLength: wholeNumber(1).optional(),
  padding: choice(PADDINGS).optional(),
  features: choice(FEATURES).optional(),
  sampleRate: wholeNumber(1).optional(),
  melBins: wholeNumber(1).optional(),
};

/** Limits that decide the exit code. */
export const gatesShape = {
  minAccuracy: fraction().optional(),
  /** Of the macro average or of a class. */
  minRecall: recallLimits().optional(),
  minF1: fraction().optional(),
  /** Bytes. */
  maxSize: byteCount().optional(),
  /** Milliseconds. */
  maxLatency: milliseconds().optional(),
  /** Bytes. */
  maxPeakMemory: byteCount().optional(),
  /** A report whose metrics may not become worse. */
  baseline: path().optional(),
  /** How much worse quality may be than the baseline's, as a difference of fractions. */
  tolerance: fraction().optional(),
  /** How much worse size and speed may be than the baseline's, as a share. */
  costTolerance: share().optional(),
};

/** Limits on what may be lost against an original. */
export const comparisonGatesShape = {
  maxDrop: fraction().optional(),
  confidence: text('a number between 0 and 1', (given) => within(numberOf(given), 1e-9, 1 - 1e-9)).optional(),
  minSpeedup: factor().optional(),
};

/** Options of commands that make a model from another one and judge it against that. */
export const makingShape = {
  /** False: latency is not measured. */
  benchmark: flag().default(true),
  ...dataShape,
  ...preprocessingShape,
  ...runningShape,
  ...gatesShape,
  ...comparisonGatesShape,
  ...outputShape,
  ...displayShape,
};

/** Options of commands that judge models and change none, besides the data. */
export const judgingShape = {
  /** Samples in one run of a model. */
  batch: wholeNumber(1).optional(),
  /** False: latency is not measured. */
  benchmark: flag().default(true),
  ...dataShape,
  ...preprocessingShape,
  ...runningShape,
  ...gatesShape,
  report: outputShape.report,
  json: outputShape.json,
  force: outputShape.force,
  ...displayShape,
};
