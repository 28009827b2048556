import { argmax } from './classification.js';
import type { OutputKind } from './loss.js';
import type { Task } from './predictions.js';

/** The least that a probability counts, the smallest normal float32: small ones are known as exactly as large ones. */
const LEAST = 2 ** -126;
/** How near to 1 it may come, where float32 tells none apart that are nearer. */
const NEAREST = 1e-7;

const log = (p: number) => Math.log(Math.max(p, LEAST));
const logit = (p: number) => log(p) - Math.log(1 - Math.min(p, 1 - NEAREST));

/** Scores before softmax (up to a constant per row) or sigmoid. */
export function logitsFrom(scores: Float32Array, kind: OutputKind, task: Task): Float32Array {
  if (kind === 'logits') return scores;
  return scores.map(task === 'single-label' ? log : logit);
}

/** Probabilities of rows of scores: of each class or, but for single-label models, of each label by itself. */
export function probabilitiesFrom(scores: Float32Array, width: number, kind: OutputKind, task: Task): Float32Array {
  if (kind === 'probabilities') return scores;
  return (task === 'single-label' ? softmax : sigmoid)(scores, width, 1);
}

/**
 * One model's logits that stand for several: softened by the temperature they give the mean of what the others give,
 * softened likewise.
 * @param all logits of each model, rows × width.
 */
export function meanSoftened(
  all: readonly Float32Array[],
  width: number,
  task: Task,
  temperature: number,
): Float32Array {
  const [first, ...others] = all;
  if (!others.length) return first!;
  const soften = task === 'single-label' ? softmax : sigmoid;
  const mean = new Float32Array(first!.length);
  for (const logits of all)
    for (const [k, p] of soften(logits, width, temperature).entries()) mean[k]! += p / all.length;
  return mean.map((p) => temperature * (task === 'single-label' ? log(p) : logit(p)));
}

function softmax(logits: Float32Array, width: number, temperature: number): Float32Array {
  const result = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += width) {
    const row = logits.subarray(start, start + width);
    const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const powers = row.map((z) => Math.exp((z - most) / temperature));
    const sum = powers.reduce((a, b) => a + b, 0);
    result.set(
      powers.map((power) => power / sum),
      start,
    );
  }
  return result;
}

function sigmoid(logits: Float32Array, _width: number, temperature: number): Float32Array {
  return logits.map((z) => 1 / (1 + Math.exp(-z / temperature)));
}

/** The classes that a row of logits stands for: the best, all above one half, or 0 or 1 for a single score. */
export function classesOf(logits: Float32Array, task: Task): number | number[] {
  if (task === 'binary') return Number(logits[0]! > 0);
  if (task === 'multi-label') return [...logits.keys()].filter((k) => logits[k]! > 0);
  return argmax(logits);
}
