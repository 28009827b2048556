import type { Metrics, Report } from '../../src/report/schema.js';
import { quantizeReport } from './example.js';

/** A report of many classes and samples, made up but consistent: the scores follow from the confusion matrices. */
export function largeReport(classes: number, perClass: number, nodes = 200): Report {
  const names = Array.from(
    { length: classes },
    (_, index) => `class ${index}, n${String(index * 7919).padStart(8, '0')}`,
  );
  const [original, compressed] = quantizeReport.models;
  return {
    ...quantizeReport,
    data: { path: 'test', samples: classes * perClass, classes, task: 'single-label' },
    models: [
      { ...original!, metrics: metricsOf(names, matrixOf(classes, perClass, 0.18, 1)) },
      { ...compressed!, metrics: metricsOf(names, matrixOf(classes, perClass, 0.2, 2)) },
    ],
    nodes: Array.from({ length: nodes }, (_, index) => ({
      name: `/encoder/layer.${index}/attention/output/dense/MatMul`,
      op: index % 3 ? 'MatMul' : 'Conv',
      decision: index % 11 ? 'static' : 'float',
      reason:
        index % 11 ? 'integer kernel with calibrated ranges' : 'put back to float: it harmed the predictions most',
      ...(index % 11 && { sqnrDb: 20 + ((index * 37) % 250) / 10 }),
    })),
  };
}

/** The same report as if each class were a label of its own, which a sample may have beside others. */
export function labelsReport(classes: number, perClass: number): Report {
  const report = largeReport(classes, perClass);
  const models = report.models.map((model) => ({ ...model, metrics: decisionsOf(model.metrics!) }));
  return { ...report, data: { ...report.data!, task: 'multi-label' }, models };
}

/** For each class, samples without and with it by whether it was predicted. */
function decisionsOf(metrics: Metrics): Metrics {
  const matrix = metrics.confusion as number[][];
  const total = metrics.samples!;
  const confusion = matrix.map((row, at) => {
    const support = row.reduce((sum, count) => sum + count, 0);
    const predicted = matrix.reduce((sum, other) => sum + other[at]!, 0);
    const hit = row[at]!;
    return [
      [total - support - predicted + hit, predicted - hit],
      [support - hit, hit],
    ];
  });
  return { ...metrics, confusion };
}

function matrixOf(classes: number, perClass: number, errorRate: number, seed: number): number[][] {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: classes }, (_, row) => {
    const counts = new Array<number>(classes).fill(0);
    for (let sample = 0; sample < perClass; sample++) {
      const wrong = random() < errorRate;
      const column = wrong ? (row + 1 + Math.floor(random() ** 3 * (classes - 1))) % classes : row;
      counts[column]!++;
    }
    return counts;
  });
}

function metricsOf(names: readonly string[], confusion: number[][]): Metrics {
  const support = confusion.map((row) => row.reduce((sum, count) => sum + count, 0));
  const predicted = names.map((_, column) => confusion.reduce((sum, row) => sum + row[column]!, 0));
  const right = names.map((_, index) => confusion[index]![index]!);
  const averages = (values: number[]) => {
    const macro = values.reduce((sum, value) => sum + value, 0) / values.length;
    const perClass = names.map((name, index) => ({ class: name, value: values[index]!, support: support[index]! }));
    return { macro, micro: macro, weighted: macro, perClass };
  };
  const total = support.reduce((sum, count) => sum + count, 0);
  return {
    samples: total,
    accuracy: right.reduce((sum, count) => sum + count, 0) / total,
    recall: averages(right.map((count, index) => count / support[index]!)),
    precision: averages(right.map((count, index) => (predicted[index] ? count / predicted[index]! : 0))),
    f1: averages(right.map((count, index) => (2 * count) / (support[index]! + predicted[index]!))),
    confusion,
  };
}
