import { createHash } from 'node:crypto';
import type { Dataset } from './types.js';

/** SHA-256 over the names and labels of samples: equal for equal data, wherever it lies. */
export function digestOf(dataset: Dataset, indices: readonly number[]): string {
  const hash = createHash('sha256');
  for (const index of indices) hash.update(JSON.stringify([dataset.describe(index), dataset.label(index) ?? null]));
  return hash.digest('hex');
}
