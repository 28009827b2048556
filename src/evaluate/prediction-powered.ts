import { sumOf } from '../group.js';

/** Whether predictions are right (1) or not (0), sample by sample. */
export interface RightByStandIn {
  /** By the label, and by what stands in for it, for samples that have one. */
  labelled: readonly (readonly [byLabel: number, byStandIn: number])[];
  /** By the stand-in, for samples without label. */
  unlabelled: readonly number[];
}

/**
 * Accuracy where only some samples have a label and something stands in for the others': what it says of them is mended
 * by how it errs on samples that have one, and counts the more the better it foretells the label there
 * (prediction-powered inference; Angelopoulos, Duchi and Zrnic 2023, PPI++). Without bias, however wrong the stand-in.
 * Without any label the stand-in is all there is.
 */
export function predictionPoweredAccuracy({ labelled, unlabelled }: RightByStandIn): number {
  const stood = mean(unlabelled, Number);
  if (!labelled.length) return stood;
  const [label, standIn] = [mean(labelled, ([y]) => y), mean(labelled, ([, f]) => f)];
  const covariance = mean(labelled, ([y, f]) => (y - label) * (f - standIn));
  const variance = mean(labelled, ([, f]) => (f - standIn) ** 2);
  if (!unlabelled.length || variance === 0) return label;
  const trust = covariance / ((1 + labelled.length / unlabelled.length) * variance);
  return clamp(label + clamp(trust) * (stood - standIn));
}

const clamp = (value: number) => Math.min(Math.max(value, 0), 1);

const mean = <Item>(items: readonly Item[], number: (item: Item) => number) => sumOf(items, number) / items.length;
