import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resample } from '../../src/data/resample.js';
import { AUDIO, distance, signal } from './recorded/audio.js';

describe('resample', () => {
  it.each(AUDIO.resample)('agrees with the published formula: $from → $to Hz', ({ from, to, samples }) => {
    expect(distance(resample(signal(60), from, to), samples)).toBeLessThan(1e-6);
  });

  it('keeps a low tone', () => {
    const tone = (rate: number, count: number) =>
      Float32Array.from({ length: count }, (_, n) => Math.sin((2 * Math.PI * 200 * n) / rate));
    const resampled = resample(tone(44100, 4410), 44100, 16000);
    expect(distance(resampled.subarray(100, 1500), tone(16000, 1600).subarray(100, 1500))).toBeLessThan(5e-3);
  });

  it('gives ⌈length · to / from⌉ samples, and the same ones at the same rate', () => {
    const rates = fc.constantFrom(8000, 11025, 16000, 22050, 44100, 48000);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), rates, rates, (length, from, to) => {
        const input = signal(length);
        const output = resample(input, from, to);
        expect(output.length).toBe(Math.ceil((length * to) / from));
        if (from === to) expect(output).toBe(input);
      }),
    );
  });
});
