import type { ModelReport, Report } from '../../src/report/schema.js';
import { quantizeReport } from './example.js';

const quantiles = (median: number) =>
  Array.from({ length: 21 }, (_, index) =>
    Number((median * (0.92 + index * 0.006 + (index / 20) ** 6 * 0.25)).toFixed(4)),
  );

const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCBd81ytgAAAABJRU5ErkJggg==';

/** A report with all that a report can hold, and names as nasty as names can be. */
export const richReport: Report = {
  ...quantizeReport,
  models: quantizeReport.models.map(
    (model): ModelReport => ({
      ...model,
      latency: { ...model.latency!, quantilesMs: quantiles(model.latency!.medianMs) },
      operatorBytes:
        model.role === 'original' ? { Conv: 2_700_000, Gemm: 42_000 } : { DequantizeLinear: 690_000, Gemm: 10_500 },
    }),
  ),
  changedSamples: [
    {
      index: 7,
      place: 'shirt/00|7 <b>.png',
      target: ['shirt'],
      before: ['shirt'],
      after: ['bag'],
      change: 'lost',
      preview: { kind: 'image', uri: PIXEL, width: 28, height: 28 },
    },
    {
      index: 12,
      place: 'test.csv: line 14',
      target: ['bag'],
      before: ['shirt'],
      after: ['bag'],
      change: 'gained',
      preview: { kind: 'text', text: '</p><script>alert("1")</script> is my bag lost?' },
    },
    {
      index: 20,
      place: 'bag/20.wav',
      target: ['bag'],
      before: [],
      after: ['shirt', 'bag'],
      change: 'other',
      preview: {
        kind: 'audio',
        path: 'M0 20L1 5L1 35L2 12L2 28L3 18L3 22',
        seconds: 1.02,
        spectrogram: { uri: PIXEL, width: 160, height: 48 },
      },
    },
    {
      index: 3,
      place: 'x.npz: row 3',
      target: ['bag'],
      before: ['bag'],
      after: ['shirt'],
      change: 'lost',
      preview: {
        kind: 'arrays',
        arrays: [{ name: 'a<b>', image: { uri: PIXEL, width: 32, height: 3 }, shape: 'float32 3×32' }],
      },
    },
  ],
  quantization: {
    ...quantizeReport.quantization!,
    trials: [
      { method: 'static: conv, dense', chosen: true, speedups: [2.2, 2.6], sqnrDb: 31.2, agreement: 0.984 },
      {
        method: 'static: conv; int8-storage: dense',
        chosen: false,
        speedups: [2.1, 2.5],
        sqnrDb: 32.5,
        agreement: 0.99,
      },
      { method: 'int8-storage: conv, dense', chosen: false, speedups: [0.99, 1] },
    ],
  },
  layers: {
    samples: 32,
    values: [
      { name: 'input', op: 'QuantizeLinear', sqnrDb: 52.1, cosine: 0.99999, maxAbsError: 0.004 },
      {
        name: 'relu_1',
        counterpart: 'relu_1_dequantized',
        op: 'Relu',
        sqnrDb: 38.25,
        cosine: 0.99992,
        maxAbsError: 0.031,
      },
      { name: 'shape', op: 'Shape', cosine: 1, maxAbsError: 0 },
      { name: 'logits', op: 'Gemm', sqnrDb: 31.2, cosine: 0.9996, maxAbsError: 0.22 },
    ],
    start: 'input',
    mostAdded: 'relu_1',
  },
  training: {
    samples: 50_000,
    epochs: 3,
    seconds: 31.5,
    samplesPerSecond: 4762,
    workers: 2,
    bestEpoch: 2,
    history: [
      { epoch: 1, loss: 0.61, accuracy: 0.88 },
      { epoch: 2, loss: 0.42, accuracy: 0.915 },
      { epoch: 3, loss: 0.39, accuracy: 0.9149 },
    ],
  },
  distillation: {
    loss: 'kd',
    temperature: 2,
    alpha: 0.9,
    alphaEnd: 0,
    teachers: 1,
    samples: 50_000,
    labelled: 1_000,
    chosen: { student: 'taught', reason: 'on held-out samples <b>91 %</b>', heldOut: { taught: 0.91, alone: 0.9 } },
    trials: [
      { recipe: 'kd, temperature 2, share 0.9 to 0', rounds: 2, samples: 6_250, accuracy: 0.8712, chosen: true },
      { recipe: 'a|b <script>', rounds: 1, samples: 2_000, chosen: false },
    ],
    hints: [
      { kind: 'features', student: 'relu_1', teacher: '/layer2/Relu|"<b>', weight: 1 },
      { kind: 'relations', student: 'flatten', teacher: 'mean', weight: 25 },
    ],
    student: { template: 'ds-cnn', widths: [16, 32, 64, 128], parameters: 37_514, macs: 1_264_160 },
    candidates: [
      {
        ...{
          template: 'cnn',
          chosen: false,
          widths: [16, 32, 64],
          parameters: 74_762,
          macs: 2_578_816,
          bytes: 302_100,
        },
        ...{ latencyMs: 0.221, samples: 4_000, accuracy: 0.839 },
        history: [
          { epoch: 0, validationLoss: 2.4, validationAccuracy: 0.1 },
          { epoch: 1, loss: 0.9, validationLoss: 0.5, validationAccuracy: 0.839 },
        ],
      },
      {
        ...{ template: 'ds-cnn', chosen: true, widths: [16, 32, 64, 128], parameters: 37_514, macs: 1_264_160 },
        ...{ bytes: 155_700, latencyMs: 0.19, samples: 4_000, accuracy: 0.8412 },
        history: [
          { epoch: 0, validationLoss: 2.3, validationAccuracy: 0.12 },
          { epoch: 1, loss: 0.8, validationLoss: 0.4, validationAccuracy: 0.8412 },
        ],
      },
      { template: 'resnet', chosen: false, reason: 'takes at least <b>9 ms</b> | more than allowed' },
    ],
    agreement: 0.95,
    againstTeacher: { sizeRatio: 4 },
    againstAlone: { accuracyDrop: { value: -0.012, low: -0.02, high: -0.004 } },
  },
  pruning: {
    kind: 'channels',
    macsRatio: 2.02,
    parametersRatio: 1.9,
    groups: [
      { name: 'conv1', before: 64, after: 40 },
      { name: 'conv2', before: 128, after: 61 },
    ],
    left: [{ name: 'head|<b>', reason: 'graph output `logits`' }],
    steps: [
      { step: 1, macs: 0.71, parameters: 0.76, bytes: 410_000, accuracy: 0.9102, trained: 0.9231 },
      { step: 2, macs: 0.495, parameters: 0.526, bytes: 284_000, accuracy: 0.8817, trained: 0.9204 },
    ],
  },
  sensitivity: {
    ...{ importance: 'l2', samples: 1000, measure: 'accuracy', whole: 0.926 },
    groups: [
      {
        ...{ name: 'conv1', channels: 64 },
        points: [
          { share: 0.25, left: 48, removed: 0.8931, fitted: 0.9257 },
          { share: 0.5, left: 32, removed: 0.7214, fitted: 0.9188 },
        ],
      },
      { name: 'conv|<b>', channels: 1, points: [{ share: 0.5, left: 1, removed: 0.926 }] },
    ],
  },
  adaptive: {
    macsRatio: 1.7,
    exits: [
      {
        ...{ name: 'exit1', threshold: 0.1, share: 0.62, accuracy: 0.951, alone: 0.913, macs: 0.37, temperature: 1.4 },
        classes: [
          { class: 'cat', share: 0.7 },
          { class: 'dog', share: 0.54 },
        ],
      },
      { name: 'head', after: 'layer2|<b>', threshold: 1, share: 0.38, accuracy: 0.881, alone: 0.9259, macs: 1.05 },
    ],
    ...{ measure: 'margin', original: 0.9264 },
    dropped: [{ after: 'relu_`3`', accuracy: 0.71, macs: 0.11 }],
    chosenOn: { path: 'val/', samples: 2000, drop: 0.0012, high: 0.0021, macs: 0.61 },
    curve: [
      { macsRatio: 1.2, accuracy: 0.9262 },
      { macsRatio: 1.7, accuracy: 0.9244 },
      { macsRatio: 2.4, accuracy: 0.911 },
    ],
  },
  domain: {
    ...{ path: 'new|<b>/', samples: 2000, method: 'both', share: 0.984, source: { path: 'train/', samples: 4096 } },
    norms: [
      { name: 'relu|<1>', kind: 'folded', moved: 0.41, widened: 1.32 },
      { name: 'bn2', kind: 'batch-norm', moved: 0.12, widened: 0.95 },
    ],
    unlabelled: {
      ...{ samples: 2000, changed: 0.312 },
      ...{ entropy: { before: 0.41, after: 0.18 }, diversity: { before: 0.71, after: 0.98 } },
      classes: [
        { class: 'cat', before: 0.8, after: 0.53 },
        { class: 'd|<o>g', before: 0.2, after: 0.47 },
      ],
    },
    sourceTest: {
      ...{ path: 'test/', samples: 4000, accuracy: { before: 0.92, after: 0.88 } },
      drop: { value: 0.04, low: 0.03, high: 0.05 },
    },
  },
  gates: [...quantizeReport.gates, { name: 'min-recall', class: 'a|b & <c>"', limit: 0.9, passed: false }],
  warnings: [...quantizeReport.warnings, 'the class `@everyone` | <img src=x> has no samples\n# heading'],
};
