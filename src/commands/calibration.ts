import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { sampleOf, type TaskData } from '../data/task.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { collectStatistics, type ValueStatistics } from '../passes/quantize/calibrate.js';
import { batchSize, resizeBatch } from '../runtime/pool.js';
import type { CommandContext } from './context.js';
import type { Workbench } from './workbench.js';

/** Inputs that activation ranges are taken from. */
export interface Calibration {
  path: string;
  data: TaskData;
  indices: readonly number[];
  /** Streams them, or the first few in number; may be called again. */
  batches(samples?: number): AsyncIterable<NamedValues>;
  /** What stands in for calibration data that was not given. */
  warning?: string;
}

/** Samples in one calibration run; few, since every activation of the batch is held at once. */
const BATCH = 16;

/** Options that say what is calibrated on. */
export interface CalibrationOptions {
  calibration?: string | undefined;
  calibrationSamples: number;
  train?: string | undefined;
  data?: string | undefined;
  seed: number;
}

/**
 * Opens the data to calibrate on: the one named, else what is trained on, else a train split that lies beside the test data, else inputs of the
 * test data itself, which is said.
 */
export async function openCalibration(
  bench: Workbench,
  options: CalibrationOptions,
  test: TaskData | undefined,
): Promise<Calibration | undefined> {
  const beside = options.data === undefined ? undefined : trainSplitBeside(options.data);
  const named = options.calibration ?? options.train;
  const path = named ?? beside ?? options.data;
  if (path === undefined) return undefined;
  const data = path === options.data && test ? test : await bench.open(path);
  const indices = sampleOf(data, options.calibrationSamples, options.seed);
  const { fixedBatch } = data;
  return {
    path,
    data,
    indices,
    batches: async function* (samples?: number): AsyncGenerator<NamedValues> {
      for await (const { feeds } of data.stream(spread(indices, samples), fixedBatch ?? BATCH))
        yield fixedBatch ? resizeBatch(feeds, fixedBatch) : feeds;
    },
    ...(named === undefined && {
      warning:
        path === options.data
          ? `calibrated on the inputs of ${indices.length} test samples (labels unused); name other data with --calibration`
          : `calibrated on ${path}, found beside the test data; name other data with --calibration`,
    }),
  };
}

/** Names of test splits, and what the train split beside one is called. */
const SPLITS: readonly (readonly [test: RegExp, train: string])[] = [
  [/^t10k-/, 'train-'],
  [/^test(?=[-_./]|$)/, 'train'],
  [/^(val|valid|validation|dev|eval)(?=[-_./]|$)/, 'train'],
];

/** The train split that lies beside a test split, as far as names tell. */
export function trainSplitBeside(path: string): string | undefined {
  for (const [test, train] of SPLITS) {
    const beside = join(dirname(path), basename(path).replace(test, train));
    if (test.test(basename(path)) && existsSync(beside)) return beside;
  }
  return undefined;
}

/** A few indices in equal steps, so that data sorted by class gives some of each. */
function spread(indices: readonly number[], count = indices.length): readonly number[] {
  if (count >= indices.length) return indices;
  return Array.from({ length: count }, (_, i) => indices[Math.floor((i * indices.length) / count)]!);
}

/** Ranges (and histograms) of values over the calibration data, or the first few of it, with progress. */
export async function calibrateValues(
  bench: Workbench,
  model: Model,
  values: readonly string[],
  calibration: Calibration,
  { histograms, samples }: { histograms: boolean; samples?: number | undefined },
  context: CommandContext,
): Promise<Map<string, ValueStatistics>> {
  if (!values.length) return new Map();
  const count = Math.min(samples ?? Number.POSITIVE_INFINITY, calibration.indices.length);
  const task = context.progress.start('calibrating', count);
  const counted = async function* () {
    for await (const feeds of calibration.batches(samples)) {
      yield feeds;
      task.advance(batchSize(feeds));
    }
  };
  const statistics = await collectStatistics(model, values, counted, {
    histograms,
    session: bench.session,
    workers: bench.workers,
  });
  task.done();
  return statistics;
}
