import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bfloatFromFloat, floatFromHalf, floatsFromBfloat, halfFromFloat } from '../../src/ir/half.js';

describe('float16', () => {
  // numpy: np.float64(value).astype(np.float16).view(np.uint16)
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [0.1, 0x2e66],
    [1 / 3, 0x3555],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [-1e39, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * (1 + 2 ** -50), 0x0001],
    [1e-60, 0x0000],
    [Number.NaN, 0x7e00],
  ])('%d becomes %d', (value, bits) => {
    expect(halfFromFloat(value)).toBe(bits);
  });

  it('breaks ties to even, and only real ties', () => {
    expect(halfFromFloat(1 + 2 ** -11)).toBe(0x3c00);
    expect(halfFromFloat(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(halfFromFloat(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01);
  });

  it('gives back every one of the 65,536 bit patterns, all NaNs as one', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const isNan = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
      expect(halfFromFloat(floatFromHalf(bits)) & (isNan ? 0x7fff : 0xffff)).toBe(isNan ? 0x7e00 : bits);
    }
  });

  it('rounds to the nearest of its neighbours', () => {
    fc.assert(
      fc.property(fc.double({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const bits = halfFromFloat(value);
        const error = Math.abs(floatFromHalf(bits) - value);
        for (const neighbour of [bits - 1, bits + 1])
          if ((neighbour & 0x7fff) <= 0x7bff && neighbour >= 0)
            expect(error).toBeLessThanOrEqual(Math.abs(floatFromHalf(neighbour) - value));
      }),
    );
  });
});

describe('bfloat16', () => {
  it('gives back every bit pattern', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    floatsFromBfloat(all).forEach((value, bits) => {
      if (!Number.isNaN(value)) expect(bfloatFromFloat(value)).toBe(bits);
    });
  });

  it('breaks ties to even and overflows to infinity', () => {
    expect(bfloatFromFloat(1 + 2 ** -8)).toBe(0x3f80);
    expect(bfloatFromFloat(1 + 2 ** -8 + 2 ** -40)).toBe(0x3f81);
    expect(bfloatFromFloat(1 / 3)).toBe(0x3eab);
    expect(bfloatFromFloat(1e39)).toBe(0x7f80);
    expect(bfloatFromFloat(Number.NaN)).toBe(0x7fc0);
  });
});
