import { z } from 'zod';
import { adaptive } from './schema/adaptive.js';
import { layers, node, pruning, sensitivity, trial } from './schema/compression.js';
import { domain } from './schema/domain.js';
import { count, counts, positive } from './schema/numbers.js';
import { comparison, gate, model } from './schema/quality.js';
import { changedSample } from './schema/samples.js';
import { distillation, qat, training } from './schema/training.js';

/** What a command did and found, the one source of every form of report. Version 1. */
export const reportSchema = z.object({
  schemaVersion: z.literal(1),
  tool: z.object({ name: z.string(), version: z.string(), onnxruntime: z.string(), node: z.string() }),
  command: z.string(),
  options: z.record(z.string(), z.unknown()),
  /** ISO 8601, UTC. */
  startedAt: z.iso.datetime(),
  seconds: positive,
  /** Peak resident memory of the process. */
  peakMemoryBytes: count,
  machine: z.object({
    cpu: z.string(),
    cores: count,
    /** Threads of a session. */
    threads: count,
    /** Instruction sets. */
    isa: z.array(z.string()),
    provider: z.string(),
  }),
  /** The data that models were judged on. */
  data: z
    .object({
      path: z.string(),
      samples: count,
      /** Number of classes. */
      classes: count,
      task: z.string(),
      /** Samples that could not be read, left out with --skip-bad-samples. */
      skipped: count.optional(),
      /** SHA-256 over the names and labels of the samples: equal for equal data. */
      digest: z.string().optional(),
    })
    .optional(),
  calibration: z.object({ path: z.string(), samples: count, method: z.string() }).optional(),
  models: z.array(model),
  comparison: comparison.optional(),
  /** Some of the samples whose prediction changed, those that became wrong or right first. */
  changedSamples: z.array(changedSample).optional(),
  quantization: z
    .object({
      method: z.string(),
      /** Integer kernels in the graph that ONNX Runtime makes of the written file, by operator. */
      integerKernels: counts,
      settings: z.record(z.string(), z.unknown()).optional(),
      /** What the search tried, where there was one. */
      trials: z.array(trial).optional(),
      /** Quantization-aware training, where there was some; "training" tells how it went. */
      qat: qat.optional(),
    })
    .optional(),
  /** What was decided for each node that could be compressed. */
  nodes: z.array(node).optional(),
  /** Where the error of the compressed model arises, for `compare --layers`. */
  layers: layers.optional(),
  training: training.optional(),
  distillation: distillation.optional(),
  pruning: pruning.optional(),
  /** What single groups of channels are worth. */
  sensitivity: sensitivity.optional(),
  adaptive: adaptive.optional(),
  domain: domain.optional(),
  gates: z.array(gate),
  warnings: z.array(z.string()),
});

export type Report = z.output<typeof reportSchema>;
export type { LayersReport, NodeReport, Sensitivity, Trial } from './schema/compression.js';
export type { Comparison, FidelityReport, Gate, Interval, Latency, Metrics, ModelReport } from './schema/quality.js';
export type { ChangedSample, Preview } from './schema/samples.js';
export type { StudentCandidate } from './schema/training.js';
