import type { NamedValues } from '../ir/types.js';
import type { RawSample } from './types.js';

/** Bytes that a kept sample takes besides its values. */
const OVERHEAD = 256;

/** Keeps what samples have become, up to a number of bytes; what comes after that is not kept. */
export class SampleCache<Kept extends RawSample | NamedValues> {
  private readonly kept = new Map<number, Kept>();
  private bytes = 0;

  get(index: number): Kept | undefined {
    return this.kept.get(index);
  }

  /** @param limit bytes that may be taken in all */
  keep(index: number, sample: Kept, limit: number): void {
    if (this.kept.has(index)) return;
    const bytes = OVERHEAD + sizeOf(sample);
    if (this.bytes + bytes > limit) return;
    this.bytes += bytes;
    this.kept.set(index, sample);
  }
}

/** Bytes of all arrays and texts inside. */
function sizeOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value === 'string') return 2 * value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, inner) => sum + sizeOf(inner), 0);
}
