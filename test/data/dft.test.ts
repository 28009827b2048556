import { describe, expect, it } from 'vitest';
import { powerSpectrum } from '../../src/data/dft.js';

/** |DFT|² by its definition. */
function byDefinition(frame: Float64Array, size: number): number[] {
  return Array.from({ length: Math.floor(size / 2) + 1 }, (_, bin) => {
    let [real, imaginary] = [0, 0];
    for (const [n, value] of frame.entries()) {
      real += value * Math.cos((2 * Math.PI * bin * n) / size);
      imaginary -= value * Math.sin((2 * Math.PI * bin * n) / size);
    }
    return real ** 2 + imaginary ** 2;
  });
}

describe('powerSpectrum', () => {
  it.each([1, 2, 3, 4, 5, 8, 12, 16, 25, 64, 100, 512])(
    'of %i points is as defined, for full and shorter frames',
    (size) => {
      const spectrum = powerSpectrum(size);
      for (const length of [size, Math.ceil(size / 2), size]) {
        const frame = Float64Array.from({ length }, (_, n) => Math.sin(n * 1.7) + (n % 5) - 1);
        const power = new Float64Array(Math.floor(size / 2) + 1);
        spectrum(frame, power);
        const expected = byDefinition(frame, size);
        const scale = Math.max(...expected, 1);
        for (const [bin, value] of power.entries())
          expect(Math.abs(value - expected[bin]!) / scale).toBeLessThan(1e-10);
      }
    },
  );
});
