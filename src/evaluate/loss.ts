import type { Task } from './predictions.js';

/** What a model's scores are: any real numbers, or probabilities after softmax or sigmoid. */
export type OutputKind = 'logits' | 'probabilities';

type Scores = Float32Array | Float64Array;

/** Loss of one sample in nats, from its scores and the indices of its classes. */
export type Loss = (scores: Scores, target: readonly number[]) => number;

/** Probabilities are kept this far from 0 and 1, as scikit-learn's `log_loss` does with float32. */
const CLIP = 2 ** -23;

/** Most that the sum of a row of probabilities is off, after rounding to 8 or 16 bits. */
const SUM_TOLERANCE = 0.02;

/** Cross entropy for single-label models, binary cross entropy averaged over the outputs for the others. */
export function lossOf(task: Task, kind: OutputKind): Loss {
  if (task === 'single-label')
    return kind === 'logits' ? softmaxLoss : (p, [target]) => -Math.log(clipped(p[target!]!));
  const single = kind === 'logits' ? sigmoidLoss : probabilityLoss;
  if (task === 'binary') return (scores, [target]) => single(scores[0]!, target === 1);
  return (scores, target) => {
    let sum = 0;
    for (const [index, score] of scores.entries()) sum += single(score, target.includes(index));
    return sum / scores.length;
  };
}

/**
 * What a batch of scores holds: probabilities where every score is in 0…1 and, for single-label models, every row sums to
 * one; logits elsewhere. Judge on the first large batch of the original model: a few logits can look like probabilities.
 * @param scores rows × width.
 */
export function outputKindOf(scores: Scores, width: number, task: Task): OutputKind {
  if (scores.length === 0 || !scores.every((score) => score >= 0 && score <= 1 + 1e-6)) return 'logits';
  if (task !== 'single-label') return 'probabilities';
  for (let start = 0; start < scores.length; start += width) {
    let sum = 0;
    for (const score of scores.subarray(start, start + width)) sum += score;
    if (Math.abs(sum - 1) > SUM_TOLERANCE) return 'logits';
  }
  return 'probabilities';
}

/** −log softmax of the target, without overflow. */
const softmaxLoss: Loss = (scores, [target]) => {
  let most = Number.NEGATIVE_INFINITY;
  for (const score of scores) most = Math.max(most, score);
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - most);
  return most + Math.log(sum) - scores[target!]!;
};

/** −log sigmoid(±x), without overflow. */
const sigmoidLoss = (x: number, yes: boolean) => Math.max(x, 0) - (yes ? x : 0) + Math.log1p(Math.exp(-Math.abs(x)));

const probabilityLoss = (p: number, yes: boolean) => -Math.log(yes ? clipped(p) : 1 - clipped(p));

const clipped = (p: number) => Math.min(Math.max(p, CLIP), 1 - CLIP);
