import { readFileSync } from 'node:fs';

/** What recorded/audio.py wrote. */
interface Recorded {
  wav: { name: string; bytes: string; samples: number[] }[];
  resample: { from: number; to: number; samples: number[] }[];
  whisper: { samples: number; values: number[] };
  ast: { samples: number; values: number[] };
}

export const AUDIO: Recorded = JSON.parse(readFileSync(new URL('./audio.json', import.meta.url), 'utf8'));

/** The same signal as recorded/audio.py makes: a rising tone over a steady one. */
export function signal(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, n) => 0.4 * Math.sin(n * n * 0.0005) + 0.2 * Math.sin(0.3 * n));
}

/** Largest difference of two lists; infinity where their lengths differ. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Array.from(a, (value, at) => Math.abs(value - b[at]!)).reduce((x, y) => Math.max(x, y), 0);
}
