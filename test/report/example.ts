import type { Report } from '../../src/report/schema.js';

const perClass = [
  { class: 'bag', value: 0.98, support: 5000 },
  { class: 'shirt', value: 0.8728, support: 5000 },
];
const averages = (value: number) => ({ macro: value, micro: value, weighted: value, perClass });

const metrics = (accuracy: number, top5: number) => ({
  samples: 10_000,
  accuracy,
  top5,
  recall: averages(accuracy),
  precision: averages(accuracy),
  f1: averages(accuracy - 0.0001),
  confusion: [
    [4900, 100],
    [636, 4364],
  ],
  loss: 0.2114,
});

/** A report as `nncompress quantize` makes one. */
export const quantizeReport: Report = {
  schemaVersion: 1,
  tool: { name: 'nncompress', version: '0.1.0', onnxruntime: '1.30.0', node: '20.19.0' },
  command: 'quantize',
  options: { maxDrop: 0.01, maxSize: 500_000 },
  startedAt: '2026-01-02T03:04:05.000Z',
  seconds: 12.34,
  peakMemoryBytes: 412_000_000,
  machine: { cpu: 'Example CPU', cores: 2, threads: 1, isa: ['avx2', 'avx512_vnni'], provider: 'cpu' },
  data: { path: 't10k-images-idx3-ubyte.gz', samples: 10_000, classes: 10, task: 'single-label' },
  calibration: { path: 'train', samples: 256, method: 'minmax' },
  models: [
    {
      role: 'original',
      path: 'models/resnet.onnx',
      bytes: 2_822_024,
      parameters: 694_922,
      macs: 31_065_728,
      operators: { Conv: 20, Add: 9, Relu: 18, Gemm: 1 },
      provider: 'cpu',
      latency: { batch: 1, medianMs: 1.2341, p90Ms: 1.31, throughput: 810.3 },
      metrics: metrics(0.9264, 0.9985),
    },
    {
      role: 'compressed',
      path: 'models/resnet.int8.onnx',
      bytes: 741_310,
      parameters: 694_922,
      macs: 31_065_728,
      operators: { QuantizeLinear: 30, DequantizeLinear: 52, Conv: 20 },
      provider: 'cpu',
      latency: { batch: 1, medianMs: 0.5609, p90Ms: 0.602, throughput: 1782.8 },
      metrics: { ...metrics(0.9257, 0.9984), agreement: 0.9871 },
    },
  ],
  comparison: {
    confidence: 0.95,
    accuracyDrop: { value: 0.0007, low: -0.00049, high: 0.00195 },
    recallDrop: { value: 0.0007, low: -0.0005, high: 0.0019 },
    mcnemarP: 0.31,
    sizeRatio: 2_822_024 / 741_310,
    speedup: { value: 2.2, low: 2.154, high: 2.253 },
    changed: { gained: 14, lost: 21 },
  },
  quantization: { method: 'static', integerKernels: { QGemm: 1, QLinearConv: 20, QLinearAdd: 9 } },
  nodes: [
    ...Array.from({ length: 18 }, (_, index) => ({
      name: `conv${index}`,
      op: 'Conv',
      decision: 'static',
      reason: 'integer kernel with calibrated ranges',
      sqnrDb: 38.5,
    })),
    { name: 'conv18', op: 'Conv', decision: 'float', reason: 'put back to float: it harmed the predictions most' },
    { name: 'conv19', op: 'Conv', decision: 'float', reason: 'put back to float: it harmed the predictions most' },
    { name: 'embedding', op: 'Gather', decision: 'int8-storage', reason: 'weights stored as int8, computed in float' },
    { name: 'head', op: 'Gemm', decision: 'float', reason: 'its weight is not constant' },
  ],
  gates: [
    { name: 'max-drop', limit: 0.01, value: 0.0007, passed: true, verdict: 'pass' },
    { name: 'max-size', limit: 500_000, value: 741_310, passed: false },
  ],
  warnings: ['calibrated on 256 samples of the training data, with the labels left aside'],
};

/** A report as `nncompress evaluate` makes one of a single model. */
export const evaluateReport: Report = {
  ...quantizeReport,
  command: 'evaluate',
  seconds: 3.21,
  models: [quantizeReport.models[0]!],
  gates: [{ name: 'min-accuracy', limit: 0.92, value: 0.9264, passed: true }],
  warnings: [],
  comparison: undefined,
  quantization: undefined,
  calibration: undefined,
  nodes: undefined,
};

/** A report of a model that was quantized without labelled data. */
export const unlabelledReport: Report = {
  ...quantizeReport,
  data: undefined,
  models: quantizeReport.models.map(({ metrics: _, ...model }) => ({
    ...model,
    ...(model.role === 'compressed' && {
      fidelity: { sqnrDb: 31.24, cosine: 0.99962, maxAbsError: 0.218, agreement: 0.984 },
    }),
  })),
  comparison: { sizeRatio: 3.807, speedup: { value: 0.8, low: 0.75, high: 0.84 } },
  gates: [{ name: 'max-drop', limit: 0.01, passed: false }],
  warnings: [
    'accuracy could not be checked: no labelled data was given',
    'int8 is slower than float here: the convolutions are too small to repay the conversion of their inputs',
  ],
};
