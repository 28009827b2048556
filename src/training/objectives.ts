import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import type { Emitter } from '../ops/gradients/emitter.js';
import { batchSize, resizeBatch } from '../runtime/pool.js';
import { binaryCrossEntropy, crossEntropy, sumOverRows } from './losses.js';
import type { Objective } from './step-graph.js';

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
  return ({ g, model, input }) => {
    const logits = g.op('Flatten', [logitsOf(g, model, options)], { axis: 1 });
    const weights = input(ROW_WEIGHTS, 'float32', ['rows']);
    const site = { g, logits };
    const loss =
      options.kind === 'single-label'
        ? crossEntropy(site, input(TARGETS, 'int64', ['rows']), options.classes, options.labelSmoothing)
        : binaryCrossEntropy(
            site,
            input(TARGETS, 'float32', ['rows', options.kind === 'binary' ? 1 : options.classes]),
            options.labelSmoothing,
          );
    return sumOverRows(g, loss, weights);
  };
}

/** Operators that turn logits into probabilities. */
const NORMALIZERS = new Set(['Softmax', 'Sigmoid', 'LogSoftmax']);

/** Operators that change the shape of scores alone. */
const RESHAPES = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

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
