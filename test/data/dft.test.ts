import { describe, expect, it } from 'vitest';
import { powerSpectrum } from '../../src/data/dft.js';

/** |DFT|² by its definition. */
function byDefinition(frame: Float32Array, size: number): number[] {
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
  it.each([1, 2, 3, 4, 5, 8, 15, 16, 25, 32, 64, 96, 100, 224, 400, 512, 800])(
    'of %i points is as defined',
    async (size) => {
      const { frame, compute } = await powerSpectrum(size);
      for (const length of [size, Math.ceil(size / 2), size]) {
        for (let n = 0; n < size; n++) frame[n] = n < length ? Math.sin(n * 1.7) + (n % 5) - 1 : 0;
        const power = new Float64Array(Math.floor(size / 2) + 1);
        compute(power);
        const expected = byDefinition(frame, size);
        const scale = Math.max(...expected, 1);
        for (const [bin, value] of power.entries()) expect(Math.abs(value - expected[bin]!) / scale).toBeLessThan(1e-6);
      }
    },
  );

  it('is kept apart for each size', async () => {
    const [small, large] = [await powerSpectrum(32), await powerSpectrum(512)];
    small.frame.fill(1);
    large.frame.fill(0);
    const power = new Float64Array(17);
    small.compute(power);
    expect([...power]).toEqual([1024, ...Array(16).fill(0)]);
    expect(await powerSpectrum(32)).toBe(small);
  });
});
