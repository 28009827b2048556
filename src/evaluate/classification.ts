import { UserError } from '../errors.js';
import { type Loss, lossOf, type OutputKind } from './loss.js';
import { Predictions, type Task } from './predictions.js';
import { type Averages, averagesOf, type ClassCounts, confusionOf, countSample, emptyCounts } from './scores.js';

/** How a model's scores are read. */
export interface ScoreOptions {
  /** See `outputKindOf`. */
  outputKind: OutputKind;
  /** Probability above which a class counts as predicted, for multi-label and binary models; 0.5 by default. */
  threshold?: number | undefined;
}

/** What a sample's label is: a class index, several for multi-label data, undefined where it has none. */
export type Target = number | readonly number[] | undefined;

/** Quality of a classifier on labelled samples; fractions 0…1. */
export interface ClassificationMetrics {
  /** Labelled samples. */
  samples: number;
  /** Share of samples whose prediction is right; for multi-label data the whole set must be (subset accuracy). */
  accuracy: number;
  /** Share of single decisions that are right, for multi-label data (1 − Hamming loss). */
  labelAccuracy?: number;
  /** Share of samples whose class is among the five best scores; single-label with more than five classes. */
  top5?: number;
  recall: Averages;
  precision: Averages;
  f1: Averages;
  /** See `confusionOf`; absent where there are more than `CONFUSION_CLASSES` classes. */
  confusion?: number[][] | number[][][];
  /** Mean cross entropy in nats (binary cross entropy, averaged over the labels too, for multi-label and binary models);
   * absent where it is infinite. */
  loss?: number;
}

/** Most classes for which a confusion matrix is made. */
export const CONFUSION_CLASSES = 1000;

/**
 * Gathers a classifier's predictions batch by batch. Memory grows only by one small record per sample (`Predictions`).
 * Metrics are defined as in scikit-learn with `zero_division=0`, over all classes of the model whether the data holds
 * them or not. Ties go to the first class, as in numpy's argmax.
 */
export class ClassificationAccumulator {
  readonly predictions: Predictions;
  /** Samples with NaN or infinite scores. */
  nonFinite = 0;
  private firstNonFinite = 0;
  private readonly counts: ClassCounts;
  private readonly loss: Loss;
  private readonly cut: number;
  private labelled = 0;
  private correct = 0;
  private amongFive = 0;
  private lossSum = 0;

  /** @param classes names, one per output; two (no, yes) for a binary model. */
  constructor(
    readonly classes: readonly string[],
    readonly task: Task,
    { outputKind, threshold = 0.5 }: ScoreOptions,
  ) {
    this.predictions = new Predictions(task, classes.length);
    this.counts = emptyCounts(classes.length, task === 'multi-label');
    this.loss = lossOf(task, outputKind);
    this.cut = outputKind === 'logits' ? Math.log(threshold / (1 - threshold)) : threshold;
  }

  /**
   * Adds a batch.
   * @param scores rows × classes (rows × 1 for a binary model), as the model gives them.
   * @param targets one per row.
   * @throws UserError where the scores have another size, or a target is no class.
   */
  add(scores: Float32Array | Float64Array, targets: readonly Target[]): void {
    const width = this.task === 'binary' ? 1 : this.classes.length;
    if (scores.length !== targets.length * width) {
      const given = `the model gives ${scores.length} scores for ${targets.length} samples`;
      throw new UserError(`${given}, not ${width} each`, { mend: 'name the output that holds the class scores' });
    }
    for (const [row, target] of targets.entries())
      this.addSample(scores.subarray(row * width, (row + 1) * width), target);
  }

  private addSample(scores: Float32Array | Float64Array, given: Target): void {
    const { predictions } = this;
    const target = this.checkedTarget(given);
    if (!scores.every(isScore)) {
      if (this.nonFinite++ === 0) this.firstNonFinite = predictions.size;
    }
    const loss = target ? this.loss(scores, target) : Number.NaN;
    predictions.push(this.decide(scores), target, loss);
    if (!target) return;
    const sample = predictions.size - 1;
    this.labelled++;
    this.lossSum += loss;
    if (predictions.isCorrect(sample)) this.correct++;
    if (this.task === 'single-label' && rankOf(scores, target[0]!) < 5) this.amongFive++;
    countSample(this.counts, predictions, sample);
  }

  private decide(scores: Float32Array | Float64Array): number[] {
    if (this.task === 'single-label') return [argmax(scores)];
    if (this.task === 'binary') return [scores[0]! > this.cut ? 1 : 0];
    const classes: number[] = [];
    for (const [index, score] of scores.entries()) if (score > this.cut) classes.push(index);
    return classes;
  }

  private checkedTarget(given: Target): readonly number[] | undefined {
    if (given === undefined) return undefined;
    const target = typeof given === 'number' ? [given] : given;
    const where = `sample ${this.predictions.size}`;
    if (this.task !== 'multi-label' && target.length !== 1) {
      throw new UserError(`has ${target.length} labels, but the task is ${this.task}`, { where });
    }
    for (const index of target) {
      if (!Number.isInteger(index) || index < 0 || index >= this.classes.length) {
        throw new UserError(`label ${index} is none of the ${this.classes.length} classes`, {
          where,
          mend: `labels are 0 to ${this.classes.length - 1}`,
        });
      }
    }
    return target;
  }

  /** @throws UserError where the model gave NaN or infinite scores. */
  checkFinite(): void {
    if (this.nonFinite === 0) return;
    const count = `${this.nonFinite} of ${this.predictions.size} samples`;
    throw new UserError(
      `the model gives NaN or infinite scores for ${count}, first for sample ${this.firstNonFinite}`,
      {
        mend: "check the inputs and the preprocessing, and the model's own weights for NaN",
      },
    );
  }

  /** @throws UserError where the model gave NaN or infinite scores, or no sample has a label. */
  result(): ClassificationMetrics {
    this.checkFinite();
    const { classes, counts, labelled, predictions } = this;
    if (labelled === 0) throw new UserError('no sample has a label', { mend: 'give labelled data' });
    const loss = this.lossSum / labelled;
    return {
      samples: labelled,
      accuracy: this.correct / labelled,
      ...(this.task === 'multi-label' && { labelAccuracy: labelAccuracy(counts, labelled) }),
      ...(this.task === 'single-label' && classes.length > 5 && { top5: this.amongFive / labelled }),
      recall: averagesOf('recall', counts, classes),
      precision: averagesOf('precision', counts, classes),
      f1: averagesOf('f1', counts, classes),
      ...(classes.length <= CONFUSION_CLASSES && { confusion: confusionOf(predictions, counts) }),
      ...(Number.isFinite(loss) && { loss }),
    };
  }
}

/** A score may be −∞ (a masked class), but neither NaN nor +∞. */
const isScore = (score: number) => score < Number.POSITIVE_INFINITY;

/** Index of the largest value, the first of equal ones. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index;
  return best;
}

/** Scores before a class in falling order; equal ones of higher index stand before it, as in `top_k_accuracy_score`. */
function rankOf(scores: Float32Array | Float64Array, index: number): number {
  const own = scores[index]!;
  let before = 0;
  for (let other = 0; other < scores.length; other++) {
    if (scores[other]! > own || (scores[other] === own && other > index)) before++;
  }
  return before;
}

function labelAccuracy({ hits, predicted, support }: ClassCounts, samples: number): number {
  let wrong = 0;
  for (const [index, hit] of hits.entries()) wrong += predicted[index]! + support[index]! - 2 * hit;
  return 1 - wrong / (samples * hits.length);
}
