import type { Emitter, Operand } from '../ir/emitter.js';

/** Values that a loss is made from. */
export interface LossSite {
  g: Emitter;
  /** Scores before softmax or sigmoid, `[rows, classes]` (or `[rows]` for one score). */
  logits: string;
}

// A loss is one number per row; `sumOverRows` makes one of them all. Weights of classes are weights of rows.

/**
 * Cross-entropy between class indices (int64 `[rows]`) and logits, in nats.
 * @param smoothing share of the target's weight that is spread over all classes (Szegedy et al. 2016).
 */
export function crossEntropy({ g, logits }: LossSite, labels: string, classes: number, smoothing: number): string {
  const oneHot = g.op('OneHot', [labels, g.constantOf('int64', [], [classes]), g.constantOf('float32', [2], [0, 1])]);
  const targets = smoothing ? g.add(g.mul(oneHot, 1 - smoothing), smoothing / classes) : oneHot;
  return softCrossEntropy({ g, logits }, targets);
}

/** Cross-entropy between probabilities (`[rows, classes]`) and logits, in nats. */
export function softCrossEntropy({ g, logits }: LossSite, targets: string): string {
  return g.neg(g.sum(g.mul(targets, g.op('LogSoftmax', [logits], { axis: -1 })), [-1], false));
}

/** Binary cross-entropy between 0/1 targets of the logits' shape and logits, averaged over the outputs. */
export function binaryCrossEntropy({ g, logits }: LossSite, targets: string, smoothing: number): string {
  const soft = smoothing ? g.add(g.mul(targets, 1 - smoothing), smoothing / 2) : targets;
  const each = g.sub(g.op('Softplus', [logits]), g.mul(logits, soft));
  const rows = g.op('Flatten', [each], { axis: 1 });
  return g.op('ReduceMean', [rows, g.ints([1])], { keepdims: 0 });
}

/** Mean squared difference of each row. */
export function meanSquaredError(g: Emitter, a: string, b: string): string {
  const difference = g.sub(a, b);
  const rows = g.op('Flatten', [g.mul(difference, difference)], { axis: 1 });
  return g.op('ReduceMean', [rows, g.ints([1])], { keepdims: 0 });
}

/**
 * Knowledge distillation: the divergence of softened student scores from softened teacher scores, times the squared
 * temperature so that its gradients keep their size (Hinton, Vinyals and Dean 2015).
 */
export function distillation({ g, logits }: LossSite, teacher: string, temperature: number): string {
  const soft = (scores: string) => (temperature === 1 ? scores : g.div(scores, temperature));
  const target = g.op('Softmax', [soft(teacher)], { axis: -1 });
  const entropy = g.sum(g.mul(target, g.op('LogSoftmax', [soft(teacher)], { axis: -1 })), [-1], false);
  const divergence = g.add(softCrossEntropy({ g, logits: soft(logits) }, target), entropy);
  return g.mul(divergence, temperature ** 2);
}

/**
 * The same for several labels or one score: the mean over outputs of the divergences of softened probabilities of yes and
 * no.
 */
export function binaryDistillation({ g, logits }: LossSite, teacher: string, temperature: number): string {
  const soft = (scores: string) => (temperature === 1 ? scores : g.div(scores, temperature));
  const target = g.op('Sigmoid', [soft(teacher)]);
  const crossEntropyOf = (scores: string) => binaryCrossEntropy({ g, logits: soft(scores) }, target, 0);
  return g.mul(g.sub(crossEntropyOf(logits), crossEntropyOf(teacher)), temperature ** 2);
}

/**
 * Decoupled knowledge distillation (Zhao et al. 2022, equation 7, with α = 1): how sure the teacher is of the target, and
 * how it tells the other classes apart, each a divergence, times the squared temperature.
 * @param labels class indices, int64 `[rows]`.
 * @param beta weight of the other classes.
 */
export function decoupledDistillation(
  { g, logits }: LossSite,
  teacher: string,
  { labels, classes, temperature, beta }: { labels: string; classes: number; temperature: number; beta: number },
): string {
  const isTarget = g.op('OneHot', [labels, g.constantOf('int64', [], [classes]), g.constantOf('float32', [2], [0, 1])]);
  const [own, taught] = [logits, teacher].map((scores) => decouple(g, scores, isTarget, temperature));
  const ofTarget = g.add(
    divergence(g, taught!.target, own!.target, undefined),
    divergence(g, taught!.others, own!.others, undefined),
  );
  const ofOthers = divergence(g, taught!.amongOthers, own!.amongOthers, g.sub(1, isTarget));
  return g.mul(g.add(ofTarget, g.mul(ofOthers, beta)), temperature ** 2);
}

/** What is subtracted from a score so that its probability is zero. */
const EXCLUDED = 1000;

/** Logarithms of the probabilities of the target, of all other classes together, and of each among these others. */
function decouple(g: Emitter, scores: string, isTarget: string, temperature: number) {
  const all = g.op('LogSoftmax', [temperature === 1 ? scores : g.div(scores, temperature)], { axis: -1 });
  const others = g.sub(all, g.mul(isTarget, EXCLUDED));
  return {
    target: g.sum(g.mul(all, isTarget), [-1], false),
    others: g.op('ReduceLogSumExp', [others, g.ints([-1])], { keepdims: 0 }),
    amongOthers: g.op('LogSoftmax', [others], { axis: -1 }),
  };
}

/** `p · (log p − log q)` of logarithms; summed over the last axis where a mask chooses some of it. */
function divergence(g: Emitter, p: string, q: string, mask: string | undefined): string {
  const each = g.mul(g.op('Exp', [p]), g.sub(p, q));
  return mask ? g.sum(g.mul(each, mask), [-1], false) : each;
}

/**
 * Entropy of the probabilities of each row, in nats (Wang et al. 2021, "Tent: Fully test-time adaptation by entropy
 * minimization").
 */
export function predictionEntropy({ g, logits }: LossSite): string {
  const log = g.op('LogSoftmax', [logits], { axis: -1 });
  return softCrossEntropy({ g, logits }, g.op('Exp', [log]));
}

/** The same for several labels or one score: the mean over the outputs of the entropies of yes and no. */
export function binaryPredictionEntropy({ g, logits }: LossSite): string {
  return binaryCrossEntropy({ g, logits }, g.op('Sigmoid', [logits]), 0);
}

/** Entropy of probabilities, `[outputs]`: of classes, or the mean of yes and no over the outputs. */
export function entropyOf(g: Emitter, probabilities: string, areClasses: boolean): string {
  const each = (p: string) => g.mul(p, g.op('Log', [g.add(p, 1e-12)]));
  const all = areClasses ? each(probabilities) : g.add(each(probabilities), each(g.sub(1, probabilities)));
  return g.neg(g.op(areClasses ? 'ReduceSum' : 'ReduceMean', [all], { keepdims: 0 }));
}

/** One minus the cosine of the angle between rows of features. */
export function cosineDistance(g: Emitter, a: string, b: string): string {
  const [left, right] = [a, b].map((value) => g.op('Flatten', [value], { axis: 1 })) as [string, string];
  const norm = (value: string) => g.op('Sqrt', [g.add(g.sum(g.mul(value, value), [1], false), 1e-12)]);
  return g.sub(1, g.div(g.sum(g.mul(left, right), [1], false), g.mul(norm(left), norm(right))));
}

/** The sum of losses, each times its weight. */
export function weighed(g: Emitter, losses: readonly (readonly [loss: string, weight: number])[]): string {
  const parts = losses.map(([loss, weight]) => (weight === 1 ? loss : g.mul(loss, weight)));
  return parts.length === 1 ? parts[0]! : g.op('Sum', parts);
}

/**
 * The sum of a loss over rows, each times its weight.
 * @param weights float32 `[rows]`: 0 for rows that only fill a batch, the inverse of the number of rows elsewhere.
 */
export function sumOverRows(g: Emitter, loss: string, weights: Operand): string {
  return g.op('ReduceSum', [g.mul(loss, weights)], { keepdims: 0 });
}
