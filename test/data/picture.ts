import type { RawImage } from '../../src/data/types.js';

/** The picture that recorded/resize.py makes as well: bytes of a linear congruential generator. */
export function picture(width: number, height: number, channels: number, seed: number): RawImage {
  let state = seed;
  const data = Uint8Array.from({ length: width * height * channels }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { kind: 'image', width, height, channels, data };
}
