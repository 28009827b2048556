import { createHash, type Hash } from 'node:crypto';
import { bytesOf, type NamedValues } from '../ir/types.js';
import type { Dataset, RawSample } from './types.js';

/** SHA-256 over the names and labels of samples: equal for equal data, wherever it lies. */
export function digestOf(dataset: Dataset, indices: readonly number[]): string {
  const hash = createHash('sha256');
  for (const index of indices) hash.update(JSON.stringify([dataset.describe(index), dataset.label(index) ?? null]));
  return hash.digest('hex');
}

/** Adds what a model is fed to a hash: names, types, shapes and values. */
export function addFeeds(hash: Hash, feeds: NamedValues): void {
  for (const name of Object.keys(feeds).sort()) {
    const { type, dims, data } = feeds[name]!;
    hash.update(JSON.stringify([name, type, dims]));
    hash.update(ArrayBuffer.isView(data) ? bytesOf(data) : JSON.stringify(data));
  }
}

/** SHA-1 over what a sample holds: equal for equal samples, whatever their names and labels. */
export function sampleDigest(sample: RawSample): string {
  const hash = createHash('sha1');
  const add = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) hash.update(bytesOf(value));
    else if (typeof value === 'object' && value !== null) for (const entry of Object.entries(value)) entry.forEach(add);
    else hash.update(`${typeof value} ${String(value)}\0`);
  };
  add(sample);
  return hash.digest('base64');
}
