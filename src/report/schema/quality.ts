import { z } from 'zod';
import { GATES, type GateName } from '../../evaluate/gates.js';
import { count, counts, fraction, positive } from './numbers.js';

/** A value and the range that holds the true one, at the report's `comparison.confidence`. */
export const interval = z.object({ value: z.number(), low: z.number(), high: z.number() });

const averages = z.object({
  /** Mean over all classes of the model, each counting alike. */
  macro: fraction,
  micro: fraction,
  /** Mean weighted by support. */
  weighted: fraction,
  /** `support`: samples of the class. */
  perClass: z.array(z.object({ class: z.string(), value: fraction, support: count })),
});

/** Quality on labelled samples: fractions 0…1, defined as in scikit-learn with `zero_division=0`. */
export const metrics = z.object({
  /** Labelled samples. */
  samples: count.optional(),
  /** For multi-label data the share of samples whose whole set of labels is right. */
  accuracy: fraction,
  /** Multi-label only: share of single decisions that are right. */
  labelAccuracy: fraction.optional(),
  /** Single-label with more than five classes only. */
  top5: fraction.optional(),
  recall: averages,
  precision: averages,
  f1: averages,
  /** Rows are true classes, columns predicted ones; for multi-label data one 2 × 2 matrix per class. */
  confusion: z.union([z.array(z.array(count)), z.array(z.array(z.array(count)))]).optional(),
  /** Share of samples with the same prediction as the original's. */
  agreement: fraction.optional(),
  /** Mean cross entropy in nats. */
  loss: z.number().optional(),
});

/** Nearness of outputs to the original's on the same inputs; the worst of several outputs. */
export const fidelity = z.object({
  /** Signal to quantization noise in dB; absent where outputs are equal. */
  sqnrDb: z.number().optional(),
  /** −1…1. */
  cosine: z.number().min(-1).max(1),
  maxAbsError: positive,
  /** Share of samples whose largest value is at the same place. */
  agreement: fraction.optional(),
});

export const latency = z.object({
  /** Samples in a run. */
  batch: count,
  /** Milliseconds per run. */
  medianMs: positive,
  /** Where runs took different inputs, because the cost depends on them: what `comparison.speedup` is about. */
  meanMs: positive.optional(),
  p90Ms: positive,
  /** Samples per second at the median, or at the mean where there is one. */
  throughput: positive,
  /** Milliseconds per run at evenly spaced quantiles: of 21, at 0, 5, … 100 % of the runs. */
  quantilesMs: z.array(positive).min(2).optional(),
});

export const model = z.object({
  /** The result of a command is always "compressed", what it started from, if anything, "original". */
  role: z.string().min(1),
  path: z.string(),
  /** Bytes of all its files. */
  bytes: count,
  /** The same as gzip packs them, where that was asked. */
  gzipBytes: count.optional(),
  parameters: count.optional(),
  /** Multiply-accumulates for one sample. */
  macs: positive.optional(),
  /** Nodes by operator. */
  operators: counts.optional(),
  /** Bytes of constants by the operator that computes with them, found behind casts, dequantization and the like. */
  operatorBytes: counts.optional(),
  /** Execution provider that ran it. */
  provider: z.string().optional(),
  latency: latency.optional(),
  metrics: metrics.optional(),
  fidelity: fidelity.optional(),
});

/** Of the original and the compressed model; of the teacher and its student, where that was made from nothing. */
export const comparison = z.object({
  /** Of all intervals, 0…1; 0.95 where absent. */
  confidence: z.number().gt(0).lt(1).optional(),
  /** Accuracy of the original minus that of the compressed model, as a fraction: positive is worse. */
  accuracyDrop: interval.optional(),
  /** The same for macro recall and macro F1. */
  recallDrop: interval.optional(),
  f1Drop: interval.optional(),
  /** Exact McNemar test of the changed predictions: p-value, two-sided. */
  mcnemarP: fraction.optional(),
  /** Bytes of the original divided by bytes of the compressed model. */
  sizeRatio: positive.optional(),
  /** Latency of the original divided by that of the compressed model, measured in alternation. */
  speedup: interval.optional(),
  /** The same at every batch size that was measured; `batch` is samples in a run. */
  speedups: z.array(interval.extend({ batch: count })).optional(),
  /** Samples that only the compressed model gets right, and only the original. */
  changed: z.object({ gained: count, lost: count }).optional(),
});

export const gate = z.object({
  name: z.enum(Object.keys(GATES) as [GateName, ...GateName[]]),
  /** The class that a limit on recall is for. */
  class: z.string().optional(),
  /** A fraction, bytes, milliseconds or a factor, as the name says. */
  limit: z.number(),
  /** Absent where it was not measured. */
  value: z.number().optional(),
  passed: z.boolean(),
  /** What the baseline report holds, for limits that were made from one. */
  baseline: z.number().optional(),
  /** What the interval of the drop says, for max-drop. */
  verdict: z.enum(['pass', 'fail', 'undecided']).optional(),
  /** Samples that would probably decide. */
  samplesNeeded: count.optional(),
});

export type ModelReport = z.output<typeof model>;
export type Interval = z.output<typeof interval>;
export type Metrics = z.output<typeof metrics>;
export type FidelityReport = z.output<typeof fidelity>;
export type Latency = z.output<typeof latency>;
export type Comparison = z.output<typeof comparison>;
export type Gate = z.output<typeof gate>;
