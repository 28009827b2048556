import { seededRandom, shuffled } from '../random.js';
import type { Dataset } from './types.js';

/**
 * Picks samples at random, each class in proportion to its share (largest remainder, ties at random); without labels,
 * evenly. The same seed picks the same samples.
 * @returns at most `count` indices, ascending
 */
export function pickIndices(dataset: Pick<Dataset, 'size' | 'label'>, count: number, seed: number): number[] {
  const all = Array.from({ length: dataset.size }, (_, index) => index);
  if (count >= dataset.size) return all;
  const random = seededRandom(seed);
  const byLabel = new Map<string, number[]>();
  for (const index of all) {
    const label = String(dataset.label(index));
    const group = byLabel.get(label);
    if (group) group.push(index);
    else byLabel.set(label, [index]);
  }
  const groups = shuffled(byLabel.values(), random);
  const shares = groups.map((group) => (group.length * count) / dataset.size);
  const quotas = shares.map(Math.floor);
  const byRemainder = [...shares.keys()].sort((a, b) => shares[b]! - quotas[b]! - (shares[a]! - quotas[a]!));
  const missing = count - quotas.reduce((sum, quota) => sum + quota, 0);
  for (const group of byRemainder.slice(0, missing)) quotas[group]! += 1;
  return groups.flatMap((group, at) => shuffled(group, random).slice(0, quotas[at])).sort((a, b) => a - b);
}
