import { exampleInputs } from '../analysis/example-inputs.js';
import { firstSamples, sampleOf, type TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { floatsOf } from '../evaluate/evaluate-models.js';
import { type Fidelity, FidelityAccumulator, worstFidelity } from '../evaluate/fidelity.js';
import { checkOutput } from '../files.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { withoutDebuggingText } from '../onnx/debugging-text.js';
import { readModel } from '../onnx/read.js';
import { fileBytes, plannedFiles, writeModel } from '../onnx/write.js';
import { seededRandom, shuffled } from '../random.js';
import { formatBytes } from '../report/format.js';
import { countOperators, integerKernels, optimizedGraph } from '../runtime/kernels.js';
import {
  isVaried,
  type LatencyBudget,
  type LatencySeries,
  measureLatency,
  type SharedInputs,
  type TimedInputs,
} from '../runtime/latency.js';
import { resizeBatch } from '../runtime/pool.js';
import { Session } from '../runtime/session.js';
import { withLoadable } from '../runtime/source.js';
import type { CommandContext } from './context.js';
import { modelBytes } from './reporting.js';
import type { Workbench } from './workbench.js';

/** Samples per run at which latency is measured, where the model leaves the batch open. */
const BATCHES = [1, 32];
const BUDGET: LatencyBudget = { milliseconds: 1200, rounds: [7, 400] };

/**
 * Inputs to measure latency on: real samples where there is data, made up ones elsewhere. One entry per batch size.
 * @param fixedBatch the only batch size to measure at.
 */
export async function latencyFeeds(
  bench: Workbench,
  data: TaskData | undefined,
  fixedBatch = data?.fixedBatch,
): Promise<NamedValues[]> {
  if (!data) return [exampleInputs(bench.model)];
  const sizes = fixedBatch ? [fixedBatch] : BATCHES;
  const most = Math.max(...sizes);
  for await (const { feeds } of data.stream(firstSamples(data, most), most))
    return sizes.map((size) => resizeBatch(feeds, size));
  throw new UserError('holds no sample that can be read', { file: data.dataset.path });
}

/** Samples that latency is measured on where it depends on them. */
const VARIED = 256;
const VARIED_BUDGET: LatencyBudget = { milliseconds: 6000, rounds: [24, 9 * VARIED] };

/**
 * Inputs to measure latency on where it depends on them: many random samples, one by one and in batches, in random order.
 * The same seed gives the same samples in the same order whatever the model takes of them.
 */
export async function variedFeeds(data: TaskData, seed = 0): Promise<NamedValues[][]> {
  const sizes = data.fixedBatch ? [data.fixedBatch] : BATCHES;
  const chosen = sampleOf(data, VARIED, seed);
  const random = seededRandom(seed);
  const all: NamedValues[][] = [];
  for (const size of sizes) {
    const own: NamedValues[] = [];
    for await (const { feeds } of data.stream(chosen, size)) own.push(resizeBatch(feeds, size));
    all.push(shuffled(own, random));
  }
  return all;
}

/**
 * Times models, as files or bytes, in alternation on one thread, once per batch size.
 * @param feeds per batch size; where they are varied, more time is taken.
 */
export function measureFiles(
  { session }: Pick<Workbench, 'session'>,
  files: readonly (Uint8Array | string)[],
  feeds: readonly SharedInputs[],
): Promise<LatencySeries[]> {
  const budget = feeds.some(isVaried) ? VARIED_BUDGET : BUDGET;
  return measureLatency(files, feeds, { ...session, threads: 1 }, budget);
}

/** Times one model on one thread at the first batch size. */
export async function measureOne(bench: Workbench, feeds: readonly TimedInputs[]): Promise<LatencySeries> {
  return (await measureFiles(bench, [bench.path], feeds.slice(0, 1)))[0]!;
}

/** What reading the written file again showed. */
export interface Verification {
  /** The file as it was read back. */
  model: Model;
  /** Of all its files. */
  bytes: number;
  /** Integer kernels that ONNX Runtime really uses for it, and how often. */
  integerKernels: Record<string, number>;
  /** Bytes of the exporter's text for debugging that the file does without. */
  leftOut: number;
}

/** What a model gives for one input, beside what the original gives. */
export interface SpotCheck {
  outputs: NamedValues;
  /** How near the outputs are; absent where the model has no float outputs. */
  fidelity: Fidelity | undefined;
}

/**
 * Runs a model that is to be written beside the original on one input.
 * @param isNew true where there is no original.
 * @throws UserError where it gives NaN or infinity and the original does not
 */
export async function spotCheck(meant: Model, bench: Workbench, feeds: NamedValues, isNew = false): Promise<SpotCheck> {
  const outputs = await withLoadable([meant], ([source]) => runOnce(source!, bench, feeds));
  if (isNew) return { outputs, fidelity: undefined };
  const reference = await runOnce(bench.path, bench, feeds);
  const accumulators = Object.entries(reference).flatMap(([name, value]) => {
    const other = outputs[name];
    if (!value.type.startsWith('float') || other?.data.length !== value.data.length || !value.data.length) return [];
    const accumulator = new FidelityAccumulator(name);
    accumulator.add(floatsOf(value), floatsOf(other), value.dims.at(-1));
    return [accumulator];
  });
  const broken = accumulators.find(({ nonFinite }) => nonFinite > 0);
  if (broken)
    throw new UserError(`output '${broken.output}' of the compressed model is NaN or infinite`, {
      file: bench.path,
      mend: 'keep the layers in front of it in float with --exclude, or choose another --method',
    });
  const fidelity = accumulators.length ? worstFidelity(accumulators.map((each) => each.result())) : undefined;
  return { outputs, fidelity };
}

/**
 * Writes a model, without its exporter's text for debugging, and verifies the file.
 * @throws UserError where a file is there and may not be replaced
 */
export async function writeAndVerify(
  meant: Model,
  spot: SpotCheck,
  output: string,
  force: boolean,
  bench: Workbench,
  feeds: NamedValues,
): Promise<Verification> {
  const { model, bytes: leftOut } = withoutDebuggingText(meant);
  for (const file of plannedFiles(model, output)) checkOutput(file, force);
  await writeModel(model, output);
  return { ...(await verifyWritten(output, spot, bench, feeds)), leftOut };
}

/**
 * Reads a written model again, checks that it gives what the model that was meant gave, and counts the integer kernels
 * in the graph that ONNX Runtime makes of it.
 * @throws Error where the file gives other outputs (a bug)
 */
async function verifyWritten(
  output: string,
  { outputs }: SpotCheck,
  bench: Workbench,
  feeds: NamedValues,
): Promise<Omit<Verification, 'leftOut'>> {
  const model = readModel(output);
  model.sampleShapes = bench.model.sampleShapes;
  const found = await runOnce(output, bench, feeds);
  for (const [name, value] of Object.entries(outputs))
    if (!sameData(value.data, found[name]?.data, bench.provider === 'cpu'))
      throw new Error(`${output}: output ${name} differs from what was meant`);
  const optimized = await optimizedGraph(output, bench.session);
  const bytes = await modelBytes(output, model);
  return { model, bytes, integerKernels: integerKernels(countOperators(optimized)) };
}

const runOnce = (source: Uint8Array | string, bench: Workbench, feeds: NamedValues) =>
  Session.runOnce(source, feeds, { ...bench.session, threads: 1 });

/** Bytes of what is written of a model, about so many where it takes several files. */
export const writtenBytes = (model: Model): number => fileBytes(withoutDebuggingText(model).model);

/** What verification would show of a model, without writing it. */
export async function foresee(meant: Model, bench: Workbench): Promise<Verification> {
  const { model, bytes: leftOut } = withoutDebuggingText(meant);
  const optimized = await withLoadable([model], ([source]) => optimizedGraph(source!, bench.session));
  return { model, bytes: fileBytes(model), integerKernels: integerKernels(countOperators(optimized)), leftOut };
}

/** Says what a file does without. */
export function noteLeftOut({ leftOut }: Verification, { note }: CommandContext): void {
  if (leftOut) note(`left out ${formatBytes(leftOut)} of the exporter's text for debugging`);
}

/** Equal to the bit on the CPU; other providers do not add up in a fixed order. */
function sameData(a: ArrayLike<unknown>, b: ArrayLike<unknown> | undefined, exactly: boolean): boolean {
  if (a.length !== b?.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i])) continue;
    const [x, y] = [Number(a[i]), Number(b[i])];
    if (exactly || !(Math.abs(x - y) <= 1e-3 * (1 + Math.abs(x)))) return false;
  }
  return true;
}
