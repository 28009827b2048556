import { z } from 'zod';
import { CRITERIA_NAMES, IMPORTANCES, SCOPES } from './choices.js';
import { makingShape, trainingShape } from './option-shapes.js';
import {
  choice,
  exact,
  flag,
  fraction,
  listOf,
  openShareList,
  path,
  positiveNumber,
  shareOrBytes,
  text,
  wholeNumber,
} from './option-values.js';

/** `2:4`: of how many weights in a row how many stay. */
const pattern = () =>
  text(
    'how many weights of how many stay, such as 2:4',
    (given): readonly [number, number] | undefined => {
      const [, kept, of] = /^(\d+):(\d+)$/.exec(given)?.map(Number) ?? [];
      return kept && of && kept < of ? [kept, of] : undefined;
    },
    { items: z.number(), separator: ':' },
  );

const { keepZeros, ...training } = trainingShape;

const fields = exact({
  /** What is left of the original: a share of its multiply-accumulates, parameters, file, or time for one sample. */
  macs: fraction().optional(),
  parameters: fraction().optional(),
  /** A share, or bytes. */
  size: shareOrBytes().optional(),
  latency: fraction().optional(),
  /** Share of single weights that become zero. */
  sparsity: fraction().optional(),
  unstructured: flag().default(false),
  pattern: pattern().optional(),
  /** Writes the zeros of sparse weights as nothing, and places beside the others. */
  sparseInitializers: flag().default(false),
  /** How many residual blocks or transformer layers stay. */
  layers: wholeNumber(1).optional(),
  /** Shares of a group's channels without which it is measured what the group is worth; nothing is written then. */
  sensitivity: openShareList().optional(),
  /** Absent: by what is pruned. */
  importance: choice(IMPORTANCES).optional(),
  scope: choice(SCOPES).default('global'),
  /** What the number of channels that are left is a multiple of: a number, or what this machine computes well. */
  round: z.union([z.literal('auto'), wholeNumber(1)]).default('auto'),
  /** Channels of each group that stay at least. */
  minChannels: wholeNumber(1).default(1),
  /** Largest share of a layer that goes. */
  maxPerLayer: fraction().optional(),
  /** Name patterns with `*` and `?`. */
  include: listOf(z.string()).default([]),
  exclude: listOf(z.string()).default([]),
  calibration: path().optional(),
  calibrationSamples: wholeNumber(1).default(256),
  /** Times that is pruned and trained by turns; absent: once, or several times where a gate is to be kept. */
  steps: wholeNumber(1).optional(),
  ...training,
  train: path().optional(),
  epochs: wholeNumber(0).default(2),
  /** False: the pruned model learns from the labels alone, not from what the original says. */
  distill: flag().default(true),
  unlabelled: path().optional(),
  temperature: positiveNumber().default(2),
  /** Share of the original in the loss of a sample with a label. */
  alpha: fraction().default(0.5),
  teacherCache: path().optional(),
  ...makingShape,
});

type Fields = z.output<typeof fields>;

/** What is removed: channels of layers, single weights, or whole layers. */
export type PruningKind = 'channels' | 'weights' | 'layers';

/** Targets of which each says how far channels are removed. */
export const CHANNEL_TARGETS = ['macs', 'parameters', 'size', 'latency'] as const;
export type ChannelTarget = (typeof CHANNEL_TARGETS)[number];

/** Ways to tell what matters, by what is removed. */
export const IMPORTANCES_OF: Readonly<Record<PruningKind, readonly Fields['importance'][]>> = {
  channels: CRITERIA_NAMES,
  weights: ['lamp', 'magnitude'],
  layers: ['effect', 'even'],
};

/** The options that ask for each kind. */
function askedFor(options: Fields): Readonly<Record<PruningKind, readonly (keyof Fields)[]>> {
  const { unstructured, sparsity, pattern, layers } = options;
  return {
    channels: CHANNEL_TARGETS.filter((key) => options[key] !== undefined),
    weights: [
      ...(sparsity === undefined ? [] : (['sparsity'] as const)),
      ...(unstructured ? (['unstructured'] as const) : []),
      ...(pattern ? (['pattern'] as const) : []),
    ],
    layers: layers === undefined ? [] : ['layers'],
  };
}

/** What is asked for; of several, the first. */
export function kindOf(options: Fields): PruningKind {
  const asked = askedFor(options);
  return (Object.keys(asked) as PruningKind[]).find((kind) => asked[kind].length > 0)!;
}

/** What options do not go together, and at which it is told. */
function mistakeOf(options: Fields): [key: keyof Fields | undefined, message: string] | undefined {
  const { channels, weights, layers } = askedFor(options);
  const [first, second] = [channels, weights, layers].filter(({ length }) => length > 0);
  if (options.sensitivity) return misuseOfSensitivity(options, first?.[0]);
  if (!first)
    return [
      undefined,
      'nothing is asked for: name a target with --macs, --parameters, --size or --latency, --layers, or --sparsity with --unstructured',
    ];
  if (second)
    return [
      second[0],
      'channels, single weights and whole layers are pruned in runs of their own: leave the others out',
    ];
  if (channels[1]) return [channels[1], `one target at a time: leave out this one or --${channels[0]}`];
  if (weights.length === 1 && weights[0] === 'sparsity')
    return ['sparsity', 'add --unstructured for zeros among single weights; channels go with --macs or --parameters'];
  if (weights.length === 1 && weights[0] === 'unstructured')
    return ['unstructured', 'say how many weights become zero with --sparsity'];
  if (options.pattern && options.sparsity !== undefined)
    return ['sparsity', 'a pattern says itself how many weights are zero: leave one out'];
  if (options.pattern && (options.steps ?? 1) > 1) return ['steps', 'a pattern is there at once: leave one out'];
  if (options.sparsity === 0) return ['sparsity', 'expected more than 0, got 0'];
  if (options.sparsity === 1) return ['sparsity', 'expected less than 1, got 1: nothing would be left'];
  if (options.launcher === 'mpi' && (options.train === undefined || options.dryRun))
    return [
      'launcher',
      'shares out training, and there is none: add --train and leave out --dry-run, or leave this out',
    ];
  const kind = kindOf(options);
  if (options.sparseInitializers && kind !== 'weights')
    return ['sparseInitializers', 'is there for single weights alone: add --sparsity and --unstructured'];
  const known = IMPORTANCES_OF[kind];
  if (options.importance && !known.includes(options.importance))
    return ['importance', `expected ${known.join(' or ')} for ${kind}, got '${options.importance}'`];
  return undefined;
}

/** Options of what is written, which make no sense where nothing is. */
const OF_WHAT_IS_WRITTEN = [
  ...(['output', 'train', 'steps', 'dryRun', 'sparseInitializers', 'maxDrop', 'minSpeedup', 'baseline'] as const),
  ...(['minAccuracy', 'minRecall', 'minF1', 'maxSize', 'maxLatency', 'maxPeakMemory'] as const),
] as const satisfies readonly (keyof Fields)[];

/** What does not go together with measuring, and at which option it is told. */
function misuseOfSensitivity(options: Fields, target: keyof Fields | undefined): ReturnType<typeof mistakeOf> {
  const isGiven = (key: keyof Fields) => options[key] !== undefined && options[key] !== false;
  const other = target ?? OF_WHAT_IS_WRITTEN.find(isGiven);
  if (other) return [other, 'nothing is pruned or written with --sensitivity, which measures alone: leave one out'];
  if (options.launcher === 'mpi') return ['launcher', 'shares out training, and --sensitivity measures alone'];
  if (options.data === undefined) return ['sensitivity', 'needs data to measure on: name some with --data'];
  if (options.importance && !IMPORTANCES_OF.channels.includes(options.importance))
    return ['importance', `expected ${IMPORTANCES_OF.channels.join(' or ')} for channels, got '${options.importance}'`];
  return undefined;
}

/** What `nncompress prune` takes besides the model. */
export const pruneOptions = fields.superRefine((options, { issues }) => {
  const [key, message] = mistakeOf(options) ?? [];
  if (message) issues.push({ code: 'custom', message, path: key ? [key] : [], input: options });
});

export type PruneOptions = z.output<typeof pruneOptions>;
