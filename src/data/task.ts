import { dirname } from 'node:path';
import { UserError } from '../errors.js';
import type { SessionInfo, SessionValue } from '../runtime/protocol.js';
import { batches } from './batches.js';
import { readJsonBeside } from './beside.js';
import { type ResolvedLabels, readClassNames, resolveLabels } from './labels.js';
import { openDataset } from './open.js';
import type { DatasetOptions } from './options.js';
import { createPreprocessor, type PreprocessingOptions } from './preprocessor.js';
import { pickIndices } from './sample.js';
import { textLengths } from './text-lengths.js';
import type { Batch, Dataset, InputSpec, Preprocessor } from './types.js';

/** What a classifier decides: one class of many, any number of them, or yes or no by one output. */
export type TaskKind = 'single-label' | 'multi-label' | 'binary';

/** How data is opened for a model. */
export interface TaskOptions {
  dataset?: DatasetOptions;
  preprocessing?: PreprocessingOptions;
  /** Class names in the order of the outputs, where they do not lie beside the model. */
  classNames?: readonly string[] | undefined;
  skipBadSamples?: boolean;
}

/** Data that a model can run on: samples, their preprocessing and their labels. */
export interface TaskData {
  dataset: Dataset;
  preprocessor: Preprocessor;
  labels: ResolvedLabels;
  kind: TaskKind;
  /** Name of the output that holds the scores. */
  output: string;
  /** True where that output is declared with one row of scores per sample, `[N, classes]` or `[N, classes, 1, 1]`. */
  givesRows: boolean;
  /** Length of the first axis that the model insists on, if it does. */
  fixedBatch: number | undefined;
  /** True where samples that cannot be read are left out. */
  skipBadSamples: boolean;
  /** Samples left out so far because they could not be read. */
  skipped: Set<number>;
  /** Streams samples as batches; texts of like length together, so that little is padded. */
  stream(indices: readonly number[], batchSize?: number): AsyncGenerator<Batch>;
}

/** Samples in a batch, by kind of data, where the model leaves it open. */
const BATCH_SIZES = { image: 64, text: 32, audio: 16, arrays: 32 } as const;

/**
 * Opens data for a model: finds its form, its preprocessing and the class that each label stands for.
 * @param given a path, or data that is open.
 * @param session the inputs and outputs that ONNX Runtime tells of the model.
 * @throws UserError where the data cannot be read or does not fit the model
 */
export async function openTask(
  given: string | Dataset,
  modelPath: string,
  session: SessionInfo,
  options: TaskOptions = {},
): Promise<TaskData> {
  const dataset = typeof given === 'string' ? await openDataset(given, options.dataset) : given;
  const inputs = session.inputs.map(inputSpec);
  const preprocessor = await createPreprocessor(dataset.kind, modelPath, inputs, options.preprocessing);
  const classNames = options.classNames ?? (await readClassNames(dirname(modelPath)));
  const output = scoreOutput(session.outputs, classNames?.length);
  const width = classCount(output);
  const labels = resolveLabels(dataset, classNames, width);
  const kind = await taskKind(modelPath, labels, width);
  const fixedBatch = inputs.map((input) => input.dims[0]).find((dim) => typeof dim === 'number' && dim > 0) as number;
  const skipped = new Set<number>();
  const { skipBadSamples = false } = options;
  return {
    dataset,
    preprocessor,
    labels,
    kind,
    output: output.name,
    givesRows: isRow(output),
    fixedBatch,
    skipBadSamples,
    skipped,
    async *stream(indices, batchSize = fixedBatch ?? BATCH_SIZES[dataset.kind]) {
      yield* batches(dataset, preprocessor, {
        indices: await byLength(dataset, indices),
        batchSize,
        skipBadSamples,
        onSkip: (index) => skipped.add(index),
      });
    },
  };
}

async function byLength(dataset: Dataset, indices: readonly number[]): Promise<readonly number[]> {
  const lengthOf = await textLengths(dataset, indices);
  return lengthOf ? [...indices].sort((a, b) => lengthOf(a) - lengthOf(b)) : indices;
}

/** Random samples of the data, each class in proportion; the same seed picks the same. */
export function sampleOf(data: TaskData, count: number, seed: number): number[] {
  return pickIndices(data.dataset, count, seed);
}

/** The first `limit` samples, or all. */
export function firstSamples(data: TaskData, limit?: number): number[] {
  return Array.from({ length: Math.min(limit ?? data.dataset.size, data.dataset.size) }, (_, i) => i);
}

function inputSpec({ name, type, dims }: SessionValue): InputSpec {
  if (!type) throw new UserError(`the model's input '${name}' is no tensor`, { mend: 'export it with tensor inputs' });
  return { name, type: type as InputSpec['type'], dims };
}

/** Names that exporters give the output that holds the scores. */
const SCORE_NAMES = /logits|scores|prob|softmax|output|class/i;

/** The output that holds the scores: judged by its shape, then by its name. @throws UserError where none is of floats */
export function scoreOutput(outputs: readonly SessionValue[], classes: number | undefined): SessionValue {
  const floats = outputs.filter(({ type }) => type?.startsWith('float'));
  const fitting = floats.filter((one) => classes !== undefined && classCount(one) === classes && isRow(one));
  const output =
    fitting.find(({ name }) => SCORE_NAMES.test(name)) ??
    fitting[0] ??
    floats.find(({ name }) => /logits/i.test(name)) ??
    floats.find(isRow) ??
    floats[0];
  if (output) return output;
  const names = outputs.map(({ name, type }) => `${name} (${type ?? 'no tensor'})`).join(', ');
  throw new UserError(`the model gives no float scores: ${names}`, { mend: 'export it with logits or probabilities' });
}

/** Axes that a value has for each sample, but those of length 1. */
const axesOf = ({ dims }: SessionValue) => dims.slice(1).filter((dim) => dim !== 1);

const isRow = (value: SessionValue) => axesOf(value).length <= 1;

function classCount(value: SessionValue): number | undefined {
  if (!value.dims.length) return undefined;
  const last = isRow(value) ? (axesOf(value)[0] ?? 1) : value.dims.at(-1);
  return typeof last === 'number' && last > 0 ? last : undefined;
}

async function taskKind(modelPath: string, labels: ResolvedLabels, width: number | undefined): Promise<TaskKind> {
  if (width === 1) return 'binary';
  const config = await readJsonBeside(dirname(modelPath), 'config.json');
  const multi = labels.targets.some((target) => Array.isArray(target));
  return multi || config?.value.problem_type === 'multi_label_classification' ? 'multi-label' : 'single-label';
}
