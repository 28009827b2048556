import { exampleInputs } from '../analysis/example-inputs.js';
import { firstSamples, type TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { readModel } from '../onnx/read.js';
import { encodeModel, fitsOneFile, tensorBytes } from '../onnx/write.js';
import { countOperators, integerKernels, optimizedGraph } from '../runtime/kernels.js';
import { type LatencyBudget, type LatencySeries, measureLatency } from '../runtime/latency.js';
import { resizeBatch } from '../runtime/pool.js';
import { Session } from '../runtime/session.js';
import { withLoadable } from '../runtime/source.js';
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

/**
 * Times the original and another file in alternation on one thread, once per batch size.
 * @param feeds per batch size, for both or for each of them.
 */
export function measurePair(
  bench: Workbench,
  output: string,
  feeds: readonly (NamedValues | readonly NamedValues[])[],
): Promise<LatencySeries[]> {
  return measureLatency([bench.path, output], feeds, { ...bench.session, threads: 1 }, BUDGET);
}

/** Times one model on one thread at the first batch size. */
export async function measureOne(bench: Workbench, feeds: readonly NamedValues[]): Promise<LatencySeries> {
  const session = { ...bench.session, threads: 1 };
  return (await measureLatency([bench.path], feeds.slice(0, 1), session, BUDGET))[0]!;
}

/** What reading the written file again showed. */
export interface Verification {
  /** The file as it was read back. */
  model: Model;
  /** Of all its files. */
  bytes: number;
  /** Integer kernels that ONNX Runtime really uses for it, and how often. */
  integerKernels: Record<string, number>;
}

/**
 * Reads a written model again, runs it beside the model that was meant, and counts the integer kernels in the graph that
 * ONNX Runtime makes of it.
 * @throws Error where the file gives other outputs than the model that was meant (a bug)
 */
export async function verifyWritten(
  output: string,
  meant: Model,
  bench: Workbench,
  feeds: NamedValues,
): Promise<Verification> {
  const model = readModel(output);
  const runOnce = async (source: Uint8Array | string) => {
    const session = await Session.create(source, { ...bench.session, threads: 1 });
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  };
  const expected = await withLoadable([meant], ([source]) => runOnce(source!));
  const found = await runOnce(output);
  for (const [name, value] of Object.entries(expected))
    if (!sameData(value.data, found[name]?.data))
      throw new Error(`${output}: output ${name} differs from what was meant`);
  const optimized = await optimizedGraph(output, bench.session);
  const bytes = await modelBytes(output, model);
  return { model, bytes, integerKernels: integerKernels(countOperators(optimized)) };
}

/** What verification would show of a model, without writing it. */
export async function foresee(model: Model, bench: Workbench): Promise<Verification> {
  const optimized = await withLoadable([model], ([source]) => optimizedGraph(source!, bench.session));
  const bytes = fitsOneFile(model) ? encodeModel(model).length : tensorBytes(model);
  return { model, bytes, integerKernels: integerKernels(countOperators(optimized)) };
}

function sameData(a: ArrayLike<unknown>, b: ArrayLike<unknown> | undefined): boolean {
  if (a.length !== b?.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}
