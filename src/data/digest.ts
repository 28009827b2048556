import { createHash } from 'node:crypto';
import type { Dataset, RawSample } from './types.js';

/** SHA-256 over the names and labels of samples: equal for equal data, wherever it lies. */
export function digestOf(dataset: Dataset, indices: readonly number[]): string {
  const hash = createHash('sha256');
  for (const index of indices) hash.update(JSON.stringify([dataset.describe(index), dataset.label(index) ?? null]));
  return hash.digest('hex');
}

/** SHA-1 over what a sample holds: equal for equal samples, whatever their names and labels. */
export function sampleDigest(sample: RawSample): string {
  const hash = createHash('sha1');
  const add = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    else if (typeof value === 'object' && value !== null) for (const entry of Object.entries(value)) entry.forEach(add);
    else hash.update(`${typeof value} ${String(value)}\0`);
  };
  add(sample);
  return hash.digest('base64');
}
