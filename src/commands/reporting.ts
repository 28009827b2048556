import { stat } from 'node:fs/promises';
import { measureCost } from '../analysis/cost.js';
import { bytesByOperator } from '../analysis/parameters.js';
import { digestOf } from '../data/digest.js';
import { firstSamples, type TaskData } from '../data/task.js';
import { bootstrapDrops } from '../evaluate/bootstrap.js';
import type { ClassificationAccumulator } from '../evaluate/classification.js';
import { comparePredictions } from '../evaluate/compare.js';
import type { Fidelity } from '../evaluate/fidelity.js';
import { meanRatioInterval, ratioInterval, summarizeLatency } from '../evaluate/ratio.js';
import type { Interval } from '../evaluate/statistics.js';
import type { Model } from '../ir/model.js';
import { modelFiles } from '../onnx/write.js';
import type { Comparison, ModelReport, Report } from '../report/schema.js';
import { countOperators } from '../runtime/kernels.js';
import type { LatencySeries } from '../runtime/latency.js';
import { machineFacts } from '../runtime/machine.js';
import { packageVersion, toolVersion } from '../version.js';

/** What was measured of one model. */
export interface ModelFindings {
  role: ModelReport['role'];
  path: string;
  model: Model;
  /** Bytes of all its files. */
  bytes: number;
  /** Multiply-accumulates of a sample, where they are known better than from the graph. */
  macs?: number | undefined;
  provider: string;
  classification?: ClassificationAccumulator | undefined;
  /** Against the original. */
  fidelity?: Fidelity | undefined;
  /** Share of predictions that are the original's. */
  agreement?: number | undefined;
  /** Milliseconds per run at the first batch size. */
  latency?: { milliseconds: ArrayLike<number>; batch: number; varied: boolean } | undefined;
}

/** What a model took in a series, as its findings hold it. */
export function latencyOf(series: LatencySeries | undefined, model: number): ModelFindings['latency'] {
  return series && { milliseconds: series.milliseconds[model]!, batch: series.batch, varied: series.varied };
}

/** Bytes of a model's main file and its external data. */
export async function modelBytes(path: string, model: Model): Promise<number> {
  const sizes = await Promise.all(modelFiles(model, path).map(async (file) => (await stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** A model's part of the report. */
export async function modelReport(findings: ModelFindings): Promise<ModelReport> {
  const { role, path, model, bytes, provider, classification, fidelity, agreement, latency } = findings;
  const cost = await measureCost(model);
  const metrics = classification?.predictions.size && isLabelled(classification) ? classification.result() : undefined;
  return {
    role,
    path,
    bytes,
    parameters: cost.parameters,
    macs: findings.macs ?? cost.macs,
    operators: countOperators(model),
    operatorBytes: bytesByOperator(model),
    provider,
    ...(latency && { latency: summarizeLatency(latency.milliseconds, latency.batch, latency.varied) }),
    ...(metrics && { metrics: { ...metrics, ...(agreement !== undefined && { agreement }) } }),
    ...(fidelity && { fidelity: { ...fidelity, ...(agreement !== undefined && { agreement }) } }),
  };
}

function isLabelled({ predictions }: ClassificationAccumulator): boolean {
  for (let sample = 0; sample < predictions.size; sample++) if (predictions.isLabelled(sample)) return true;
  return false;
}

/** How the compressed model differs from the original. */
export function comparisonReport(
  original: ModelFindings,
  compressed: ModelFindings,
  latencies: readonly LatencySeries[] | undefined,
  confidence: number | undefined,
): Comparison {
  const [a, b] = [original.classification, compressed.classification];
  const labelled = a && b ? comparePredictions(a.predictions, b.predictions, confidence).labelled : undefined;
  const drops = labelled && bootstrapDrops(a!.predictions, b!.predictions, ['recall', 'f1'], { confidence });
  const speedups = latencies?.map(({ batch, varied, milliseconds: [before, after] }) => ({
    batch,
    ...(varied ? meanRatioInterval : ratioInterval)(before!, after!, confidence),
  }));
  return {
    ...(confidence !== undefined && { confidence }),
    sizeRatio: original.bytes / compressed.bytes,
    ...(speedups && { speedup: intervalOf(speedups[0]!), speedups }),
    ...(labelled && {
      accuracyDrop: labelled.accuracyDrop,
      recallDrop: drops!.recall,
      f1Drop: drops!.f1,
      mcnemarP: labelled.mcnemarP,
      changed: { gained: labelled.pairs.gained, lost: labelled.pairs.lost },
    }),
  };
}

function intervalOf({ value, low, high }: Interval): Interval {
  return { value, low, high };
}

/** The data that models were judged on. */
export interface JudgedData {
  path: string;
  task: TaskData;
  /** Samples that were run. */
  samples: number;
  /** Only the first so many were wanted. */
  limit?: number | undefined;
}

/** What every report begins with. */
export function reportHead(
  command: string,
  options: object,
  startedAt: Date,
  run: { provider: string; threads: number; data?: JudgedData | undefined },
): Pick<
  Report,
  'schemaVersion' | 'tool' | 'command' | 'options' | 'startedAt' | 'seconds' | 'peakMemoryBytes' | 'machine' | 'data'
> {
  const { cpu, cores, isa = [] } = machineFacts();
  return {
    schemaVersion: 1,
    tool: {
      name: 'nncompress',
      version: toolVersion(),
      onnxruntime: packageVersion('onnxruntime-node') ?? '',
      node: process.versions.node,
    },
    command,
    options: { ...options },
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    machine: { cpu, cores, threads: run.threads, isa: [...isa], provider: run.provider },
    ...(run.data && {
      data: {
        path: run.data.path,
        samples: run.data.samples,
        classes: run.data.task.labels.classes.length,
        task: run.data.task.kind,
        ...(run.data.task.skipped.size > 0 && { skipped: run.data.task.skipped.size }),
        digest: digestOf(run.data.task.dataset, firstSamples(run.data.task, run.data.limit)),
      },
    }),
  };
}
