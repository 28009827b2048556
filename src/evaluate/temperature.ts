import type { Task } from './predictions.js';

/** The temperature is looked for in this range. */
const RANGE = [0.05, 20] as const;
const STEPS = 50;

/**
 * The temperature that makes a model's probabilities fit its accuracy: that of the least cross-entropy with the labels
 * (Guo et al. 2017, "On calibration of modern neural networks"). The loss is convex in the inverse of the temperature, whose
 * best value is found by bisecting its slope.
 * @param logits rows × width.
 * @param targets classes of each row.
 */
export function calibrateTemperature(
  logits: Float32Array,
  width: number,
  targets: readonly (readonly number[])[],
  task: Task,
): number {
  const slopeOf = task === 'single-label' ? softmaxSlope : sigmoidSlope;
  const slope = (inverse: number) => {
    let sum = 0;
    for (const [row, target] of targets.entries())
      sum += slopeOf(logits.subarray(row * width, (row + 1) * width), target, inverse);
    return sum;
  };
  let [low, high] = [1 / RANGE[1], 1 / RANGE[0]];
  if (slope(low) >= 0) return RANGE[1];
  if (slope(high) <= 0) return RANGE[0];
  for (let step = 0; step < STEPS && high / low > 1 + 1e-4; step++) {
    const middle = Math.sqrt(low * high);
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
  return 1 / Math.sqrt(low * high);
}

/** Derivative of the cross-entropy by the inverse temperature: the expected logit minus that of the target. */
function softmaxSlope(logits: Float32Array, [target]: readonly number[], inverse: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const logit of logits) most = Math.max(most, logit);
  let [total, weighed] = [0, 0];
  for (const logit of logits) {
    const power = Math.exp((logit - most) * inverse);
    total += power;
    weighed += power * (logit - most);
  }
  return weighed / total - (logits[target!]! - most);
}

/** The same where each label is decided for itself; the one score of a binary model stands for class 1. */
function sigmoidSlope(logits: Float32Array, target: readonly number[], inverse: number): number {
  let sum = 0;
  for (const [label, logit] of logits.entries()) {
    const isTrue = logits.length === 1 ? target[0] === 1 : target.includes(label);
    sum += logit * (1 / (1 + Math.exp(-logit * inverse)) - Number(isTrue));
  }
  return sum;
}
