import { z } from 'zod';
import { GATES, type GateName } from '../evaluate/gates.js';

const fraction = z.number().min(0).max(1);
const count = z.number().int().nonnegative();
const positive = z.number().nonnegative();
const counts = z.record(z.string(), count);

/** A value and the range that holds the true one, at the report's `comparison.confidence`. */
const interval = z.object({ value: z.number(), low: z.number(), high: z.number() });

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
const metrics = z.object({
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
const fidelity = z.object({
  /** Signal to quantization noise in dB; absent where outputs are equal. */
  sqnrDb: z.number().optional(),
  /** −1…1. */
  cosine: z.number().min(-1).max(1),
  maxAbsError: positive,
  /** Share of samples whose largest value is at the same place. */
  agreement: fraction.optional(),
});

const latency = z.object({
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

const model = z.object({
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
const comparison = z.object({
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

/** A picture itself, in base64: never an address, so that a report loads nothing. */
const picture = z.object({
  uri: z.string().regex(/^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+=*$/),
  width: count,
  height: count,
});

/** A sample in small, as it is shown. */
const preview = z.discriminatedUnion('kind', [
  picture.extend({ kind: z.literal('image') }),
  z.object({ kind: z.literal('text'), text: z.string(), pair: z.string().optional() }),
  z.object({
    kind: z.literal('audio'),
    /** SVG path of the waveform, in a box 200 wide and 40 high. */
    path: z.string().regex(/^[MLHV0-9 .-]+$/),
    seconds: positive,
    /** Log-mel energies, time from left to right, low pitches at the bottom. */
    spectrogram: picture.optional(),
  }),
  z.object({
    kind: z.literal('arrays'),
    /** Some of the arrays as heat maps: the last axis from left to right, all others from top to bottom. */
    arrays: z.array(z.object({ name: z.string(), image: picture, shape: z.string() })),
  }),
]);

/** A sample whose prediction changed. Names of classes; several or none for multi-label data. */
const changedSample = z.object({
  /** Place in the data, from 0. */
  index: count,
  /** Where it lies, for people: `dog/3.png`. */
  place: z.string(),
  target: z.array(z.string()),
  before: z.array(z.string()),
  after: z.array(z.string()),
  /** Lost: only the original was right; gained: only the compressed model is; other: both are wrong. */
  change: z.enum(['lost', 'gained', 'other']),
  preview: preview.optional(),
});

/** A candidate that the search for a method built. */
const trial = z.object({
  method: z.string(),
  /** True for the one that was taken. */
  chosen: z.boolean(),
  /** How many times as fast as the original at each batch size tried; absent where speed was not measured. */
  speedups: z.array(positive).optional(),
  /** Of the outputs on calibration inputs, in dB; absent where it was not measured or outputs are equal. */
  sqnrDb: z.number().optional(),
  /** Share of calibration samples with the original's prediction. */
  agreement: fraction.optional(),
});

const node = z.object({
  name: z.string(),
  op: z.string(),
  /** What was done: static or dynamic (computed in integers), int4, int8-storage, fp16-storage, fp16 (computed), or float. */
  decision: z.string(),
  reason: z.string(),
  /** Signal to noise in dB that this node's treatment alone leaves. */
  sqnrDb: z.number().optional(),
});

const gate = z.object({
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

/** An inner value that both models compute, and how near the compressed model's comes. */
const layer = fidelity.omit({ agreement: true }).extend({
  /** Name of the value in the original. */
  name: z.string(),
  /** Its name in the compressed model, where that is another. */
  counterpart: z.string().optional(),
  /** Operator that makes it in the original. */
  op: z.string(),
});

const layers = z.object({
  /** Samples that the values were computed on, without the runtime's fusions. */
  samples: count,
  /** In the order of the original's graph. */
  values: z.array(layer),
  /** The first value with more error than float32 rounding leaves; absent where there is none. */
  start: z.string().optional(),
  /** The value at which most error is added to that of the values it is computed from, as a share of its own power. */
  mostAdded: z.string().optional(),
});

const training = z.object({
  samples: count,
  epochs: count,
  seconds: positive,
  samplesPerSecond: positive,
  workers: count,
  bestEpoch: count,
  /** One entry per epoch. */
  history: z.array(z.record(z.string(), z.number())),
});

/** A way of learning that was tried on a part of the training data. */
const distillationTrial = z.object({
  /** `alone` without a teacher. */
  recipe: z.string(),
  /** Rounds that it took part in. */
  rounds: count,
  /** Samples of the last of them, all epochs together. */
  samples: count,
  /** On samples that were not learnt from; absent where training diverged, or it was not tried. */
  accuracy: fraction.optional(),
  /** True for the one that the student was then trained with. */
  chosen: z.boolean(),
});

/** A student that was tried on a part of the training data. */
const studentCandidate = z.object({
  template: z.string(),
  /** True for the one that was then trained on all of it. */
  chosen: z.boolean(),
  /** Why it was left out. */
  reason: z.string().optional(),
  /** Channels of its parts. */
  widths: z.array(count).optional(),
  parameters: count.optional(),
  /** Multiply-accumulates for one sample. */
  macs: positive.optional(),
  /** Of its file. */
  bytes: count.optional(),
  /** Milliseconds for one sample at the median. */
  latencyMs: positive.optional(),
  /** Samples that it learnt from, all epochs together. */
  samples: count.optional(),
  /** On samples that were not learnt from; absent where training diverged. */
  accuracy: fraction.optional(),
  /** One entry per epoch. */
  history: z.array(z.record(z.string(), z.number())).optional(),
});

const distillation = z.object({
  /** kd: Hinton et al. 2015; dkd: decoupled, Zhao et al. 2022; none where the student was trained alone only. */
  loss: z.string(),
  temperature: positive,
  /** Share of the teacher in the loss of a sample with a label, when training begins. */
  alpha: fraction,
  /** The share when training ends, where that is another. */
  alphaEnd: fraction.optional(),
  /** Weight of the classes other than the target, for dkd. */
  beta: positive.optional(),
  /** Inner values that were compared with those of the first teacher, and the factor of each loss. */
  hints: z.array(z.object({ kind: z.string(), student: z.string(), teacher: z.string(), weight: positive })).optional(),
  teachers: count,
  /** Samples that were learnt from, and how many of them have a label. */
  samples: count,
  labelled: count,
  /** What the student was built from, where it is new. */
  student: z
    .object({
      template: z.string(),
      /** Channels of its parts. */
      widths: z.array(count),
      parameters: count,
      /** Multiply-accumulates for one sample. */
      macs: positive,
    })
    .optional(),
  /** The students that were tried, where the one to train was to be found. */
  candidates: z.array(studentCandidate).optional(),
  /** What was written, and why. */
  chosen: z
    .object({
      student: z.enum(['taught', 'alone']),
      reason: z.string(),
      /** Accuracy on held-out samples, where that decided. */
      heldOut: z.object({ taught: fraction, alone: fraction }).optional(),
    })
    .optional(),
  /** What was tried, the best first. */
  trials: z.array(distillationTrial).optional(),
  /** Share of test samples for which the first teacher and the student that is written predict the same. */
  agreement: fraction.optional(),
  /** From the first teacher to the student that is written. */
  againstTeacher: comparison,
  /** From the student that was trained alone to the one that was taught, whichever is written. */
  againstAlone: comparison.optional(),
  /** How the student was trained alone. */
  alone: training.optional(),
  /** How the student was taught, where the one trained alone is written. */
  taught: training.optional(),
});

const qat = z.object({
  /** Of the scores that the float model teaches, and its share in the loss of a sample with a label. */
  temperature: positive,
  alpha: fraction,
  /** Samples that were learnt from, and how many of them have a label. */
  samples: count,
  labelled: count,
  /** Activations whose ranges were learnt. */
  ranges: count,
  /** From post-training quantization with the same plan to the result. */
  againstPostTraining: comparison,
});

const pruning = z.object({
  /** What was removed: channels of groups that hang together, single weights of layers, or whole layers. */
  kind: z.enum(['channels', 'weights', 'layers']).optional(),
  /** How was told what matters. */
  importance: z.string().optional(),
  /** What the original has, divided by what the result has. */
  macsRatio: positive,
  parametersRatio: positive,
  /** Channels of each group, weights of each layer that are not zero, or whether a layer is there. */
  groups: z.array(z.object({ name: z.string(), before: count, after: count })),
  /** What had to stay as it is, and why. */
  left: z.array(z.object({ name: z.string(), reason: z.string() })).optional(),
  /** Models on the way: `macs`, `parameters` and `bytes`, `sparsity`, and `accuracy` once pruned and once `trained`. */
  steps: z.array(z.record(z.string(), z.unknown())),
});

const adaptive = z.object({
  /** Multiply-accumulates of the original divided by the mean of the adaptive model's. */
  macsRatio: positive,
  exits: z.array(
    z.object({
      name: z.string(),
      /** A sample that is less unsure than this leaves here; 1 at the last exit, where all leave that are left. */
      threshold: z.number(),
      /** Of the samples. */
      share: fraction,
      /** On the samples that leave here. */
      accuracy: fraction,
      /** Accuracy if all samples left here. */
      alone: fraction.optional(),
      /** Multiply-accumulates up to here, as a share of the original's. */
      macs: positive.optional(),
      /** What logits are divided by before uncertainty is measured. */
      temperature: positive.optional(),
      /** Share of the samples of each class that leave here. */
      classes: z.array(z.object({ class: z.string(), share: fraction })).optional(),
    }),
  ),
  /** Thresholds from cheap to dear: mean multiply-accumulates as a share of the original's, and the accuracy. */
  curve: z.array(z.record(z.string(), z.number())),
  /** How uncertainty is measured. */
  measure: z.string().optional(),
  /** The data that thresholds were chosen on, and what they gave there. */
  chosenOn: z.object({ path: z.string(), samples: count, drop: z.number(), macs: positive }).optional(),
});

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
  adaptive: adaptive.optional(),
  gates: z.array(gate),
  warnings: z.array(z.string()),
});

export type Report = z.output<typeof reportSchema>;
export type ModelReport = z.output<typeof model>;
export type Interval = z.output<typeof interval>;
export type Metrics = z.output<typeof metrics>;
export type FidelityReport = z.output<typeof fidelity>;
export type Latency = z.output<typeof latency>;
export type Comparison = z.output<typeof comparison>;
export type ChangedSample = z.output<typeof changedSample>;
export type Preview = z.output<typeof preview>;
export type Trial = z.output<typeof trial>;
export type NodeReport = z.output<typeof node>;
export type StudentCandidate = z.output<typeof studentCandidate>;
export type LayersReport = z.output<typeof layers>;
export type Gate = z.output<typeof gate>;
