import type { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { batchSize, resizeBatch } from '../runtime/pool.js';
import {
  binaryCrossEntropy,
  binaryDistillation,
  binaryPredictionEntropy,
  crossEntropy,
  decoupledDistillation,
  distillation,
  entropyOf,
  type LossSite,
  predictionEntropy,
  sumOverRows,
  weighed,
} from './losses.js';
import type { Objective, ObjectiveSite } from './step-graph.js';

/** What a classifier is trained for. */
export interface ClassificationObjective {
  /** Output that holds the scores. */
  output: string;
  kind: 'single-label' | 'multi-label' | 'binary';
  /** True where the output holds probabilities. */
  probabilities: boolean;
  classes: number;
  labelSmoothing: number;
}

/** Inputs of a classification objective: the targets of a batch and the weight of each row. */
export const TARGETS = 'nncompress/targets';
export const ROW_WEIGHTS = 'nncompress/row_weights';

/** A batch filled up to a number of rows; those that only fill it weigh nothing. */
export function fillBatch(feeds: NamedValues, rows: number): NamedValues {
  const count = batchSize(feeds);
  if (count >= rows) return feeds;
  const filled = resizeBatch(feeds, rows);
  (filled[ROW_WEIGHTS]!.data as Float32Array).fill(0, count);
  return filled;
}

/** Cross-entropy with the labels, binary for several labels or one score; summed over weighed rows. */
export function classification(options: ClassificationObjective): Objective {
  return (at) => {
    const { site, weights, labels } = sitesOf(at, options);
    return sumOverRows(at.g, labelLoss(site, labels, options), weights);
  };
}

/** What a student is trained for. */
export interface DistillationObjective extends ClassificationObjective {
  loss: DistillationLoss;
  /** What scores are divided by before softmax or sigmoid. */
  temperature: number;
  /** Weight of the classes other than the target in decoupled distillation. */
  beta: number;
}

export type DistillationLoss = 'kd' | 'dkd';

/** Further inputs of a distillation: the teacher's scores before softmax or sigmoid, and the share of the labels. */
export const TEACHER = 'nncompress/teacher';
export const LABEL_SHARE = 'nncompress/label_share';

/**
 * Cross-entropy with the labels and divergence from the teacher, mixed in each row by the share of the labels: 0 where a
 * sample has none. Summed over weighed rows.
 */
export function distilling(options: DistillationObjective): Objective {
  return (at) => {
    const { g, input } = at;
    const { kind, classes, loss, temperature, beta } = options;
    const { site, weights, labels } = sitesOf(at, options);
    const teacher = input(TEACHER, 'float32', ['rows', kind === 'binary' ? 1 : classes]);
    const share = input(LABEL_SHARE, 'float32', ['rows']);
    const taught =
      kind !== 'single-label'
        ? binaryDistillation(site, teacher, temperature)
        : loss === 'dkd'
          ? decoupledDistillation(site, teacher, { labels, classes, temperature, beta })
          : distillation(site, teacher, temperature);
    const mixed = g.add(g.mul(labelLoss(site, labels, options), share), g.mul(taught, g.sub(1, share)));
    return sumOverRows(g, mixed, weights);
  };
}

/** What a classifier is trained for on samples without labels. */
export interface EntropyObjective extends Pick<ClassificationObjective, 'output' | 'kind' | 'probabilities'> {
  /** Weight of the entropy of the mean prediction. */
  diversity: number;
}

/**
 * The entropy of predictions, so that they become sure (Wang et al. 2021), less that of the mean prediction of the batch, so
 * that they stay different from each other (Liang et al. 2020, "Do we really need to access the source data?", equation 3).
 * Summed over weighed rows.
 */
export function minimizingEntropy({ diversity, ...options }: EntropyObjective): Objective {
  return ({ g, model, input }) => {
    const areClasses = options.kind === 'single-label';
    const logits = g.op('Flatten', [logitsOf(g, model, options)], { axis: 1 });
    const weights = input(ROW_WEIGHTS, 'float32', ['rows']);
    const entropy = (areClasses ? predictionEntropy : binaryPredictionEntropy)({ g, logits });
    const total = g.op('ReduceSum', [weights], { keepdims: 0 });
    const probabilities = areClasses ? g.op('Softmax', [logits], { axis: -1 }) : g.op('Sigmoid', [logits]);
    const counted = g.mul(probabilities, g.op('Unsqueeze', [weights, g.ints([1])]));
    const spread = entropyOf(g, g.div(g.sum(counted, [0], false), total), areClasses);
    return g.sub(sumOverRows(g, entropy, weights), g.mul(g.mul(spread, total), diversity));
  };
}

/** The sum of several objectives, each times a weight. */
export function together(objectives: readonly Objective[], weight = 1): Objective {
  return (at) =>
    weighed(
      at.g,
      objectives.map((objective) => [objective(at), weight]),
    );
}

/** Scores before softmax or sigmoid, the weights of rows, and the labels. */
function sitesOf({ g, model, input }: ObjectiveSite, options: ClassificationObjective) {
  const { kind, classes } = options;
  const logits = g.op('Flatten', [logitsOf(g, model, options)], { axis: 1 });
  const weights = input(ROW_WEIGHTS, 'float32', ['rows']);
  const labels =
    kind === 'single-label'
      ? input(TARGETS, 'int64', ['rows'])
      : input(TARGETS, 'float32', ['rows', kind === 'binary' ? 1 : classes]);
  return { site: { g, logits }, weights, labels };
}

function labelLoss(site: LossSite, labels: string, options: ClassificationObjective): string {
  const { kind, classes, labelSmoothing } = options;
  return kind === 'single-label'
    ? crossEntropy(site, labels, classes, labelSmoothing)
    : binaryCrossEntropy(site, labels, labelSmoothing);
}

/** Operators that turn logits into probabilities. */
const NORMALIZERS = new Set(['Softmax', 'Sigmoid', 'LogSoftmax']);

/** Operators that change the shape of scores alone, or round them. */
const RESHAPES = new Set([
  ...['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'],
  ...['QuantizeLinear', 'DequantizeLinear'],
]);

/**
 * The scores before softmax or sigmoid, one row per sample when flattened: what the last operator takes, or else the
 * logarithm of what it gives.
 */
export function logitsOf(
  g: Emitter,
  model: Model,
  { output, probabilities, kind }: Pick<ClassificationObjective, 'output' | 'probabilities' | 'kind'>,
): string {
  const { producer } = model.graph.index();
  let node = producer.get(output);
  while (node && RESHAPES.has(node.type)) node = producer.get(node.inputs[0]!);
  if (node && NORMALIZERS.has(node.type)) return node.inputs[0]!;
  if (!probabilities) return output;
  const log = (value: string) => g.op('Log', [g.op('Clip', [value, 1e-7, 1])]);
  return kind === 'single-label' ? log(output) : g.sub(log(output), log(g.sub(1, output)));
}
