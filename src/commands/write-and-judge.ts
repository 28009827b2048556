import type { TaskData } from '../data/task.js';
import type { ClassificationAccumulator } from '../evaluate/classification.js';
import { comparePredictions } from '../evaluate/compare.js';
import type { Fidelity } from '../evaluate/fidelity.js';
import type { PairedCounts } from '../evaluate/paired.js';
import { checkOutput } from '../files.js';
import type { Model } from '../ir/model.js';
import { plannedFiles, writeModel } from '../onnx/write.js';
import type { Report } from '../report/schema.js';
import type { LatencySeries } from '../runtime/latency.js';
import { changedSamples, withPreviews } from './changed-samples.js';
import type { CommandContext } from './context.js';
import type { Gates } from './gating.js';
import { comparisonReport, type ModelFindings, modelBytes, modelReport, reportHead } from './reporting.js';
import { runModels, skipWarnings } from './run-models.js';
import { latencyFeeds, measurePair, spotCheck, verifyWritten } from './verify.js';
import type { Workbench } from './workbench.js';

/** A model that was made from another one, and what it is judged by. */
export interface Result {
  command: string;
  /** The original. */
  bench: Workbench;
  /** False where the result tells other classes apart than the original, so that quality cannot be compared. */
  sameTask: boolean;
  /** The result. */
  model: Model;
  output: string;
  test: TaskData | undefined;
  /** Where inputs come from that latency is measured on, if there is no test data. */
  inputs: TaskData;
  gates: Gates;
  startedAt: Date;
}

/** Options of a command that writes a model and judges it. */
export interface JudgingOptions {
  data?: string | undefined;
  limit?: number | undefined;
  confidence?: number | undefined;
  benchmark: boolean;
  force: boolean;
  threads?: number | undefined;
}

/**
 * Writes a model, reads it again, and compares it with its original on test data: quality, changed samples, size, speed.
 * @returns a report, to which the command adds what it did.
 */
export async function writeAndJudge(result: Result, options: JudgingOptions, context: CommandContext): Promise<Report> {
  const { bench, test, output, model, sameTask } = result;
  const feeds = await latencyFeeds(bench, test ?? result.inputs);
  const spot = await spotCheck(model, bench, feeds[0]!);
  for (const file of plannedFiles(model, output)) checkOutput(file, options.force);
  await writeModel(model, output);
  const verification = await verifyWritten(output, spot, bench, feeds[0]!);
  const quality = test && (await compareQuality(result, test, options, context));
  const latencies = options.benchmark ? await measurePair(bench, output, feeds) : undefined;
  const latency = (k: number) =>
    latencies && { milliseconds: latencies[0]!.milliseconds[k]!, batch: latencies[0]!.batch };
  const original: ModelFindings = {
    role: 'original',
    path: bench.path,
    model: bench.model,
    bytes: await modelBytes(bench.path, bench.model),
    provider: bench.provider,
    classification: quality?.before,
    latency: latency(0),
  };
  const compressed: ModelFindings = {
    role: 'compressed',
    path: output,
    model: verification.model,
    bytes: verification.bytes,
    provider: bench.provider,
    classification: quality?.after,
    fidelity: sameTask ? (quality?.fidelity ?? spot.fidelity) : undefined,
    agreement: quality?.agreement,
    latency: latency(1),
  };
  return assemble(result, { original, compressed, quality, latencies }, options);
}

interface Quality {
  samples: number;
  before: ClassificationAccumulator | undefined;
  after: ClassificationAccumulator | undefined;
  fidelity: Fidelity | undefined;
  agreement: number | undefined;
  pairs: PairedCounts | undefined;
  changed: Report['changedSamples'];
}

async function compareQuality(
  { bench, sameTask, output }: Result,
  test: TaskData,
  options: JudgingOptions,
  context: CommandContext,
): Promise<Quality> {
  const models = sameTask ? [bench.path, output] : [output];
  const evaluation = await runModels(bench, test, models, options, context);
  const found = evaluation.classifications ?? [];
  const after = found.at(-1);
  const before = sameTask ? found[0] : undefined;
  after?.checkFinite();
  const comparison = before && after && comparePredictions(before.predictions, after.predictions);
  return {
    samples: evaluation.samples,
    before,
    after,
    fidelity: evaluation.fidelities[0],
    agreement: comparison?.agreement,
    pairs: comparison?.labelled?.pairs,
    changed: before && after && (await withPreviews(changedSamples(before, after, evaluation.indices, test), test)),
  };
}

async function assemble(
  { command, bench, output, startedAt, gates, test }: Result,
  found: {
    original: ModelFindings;
    compressed: ModelFindings;
    quality: Quality | undefined;
    latencies: readonly LatencySeries[] | undefined;
  },
  options: JudgingOptions,
): Promise<Report> {
  const { original, compressed, quality, latencies } = found;
  const models = [await modelReport(original), await modelReport(compressed)];
  const comparison = comparisonReport(original, compressed, latencies, options.confidence);
  const head = reportHead(command, { ...options, output }, startedAt, {
    provider: bench.provider,
    threads: 1,
    data: test && { path: options.data!, task: test, samples: quality!.samples, limit: options.limit },
  });
  const judged = gates.check({ ...head, model: models[1]!, comparison, pairs: quality?.pairs });
  return {
    ...head,
    models,
    comparison,
    ...(quality?.changed && { changedSamples: quality.changed }),
    gates: judged.gates,
    warnings: [...(test ? skipWarnings(test) : []), ...judged.warnings],
  };
}
