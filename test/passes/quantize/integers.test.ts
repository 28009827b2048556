import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../../src/ir/tensor.js';
import { quantizeWeight, roundEven, uint8Params, uint8Range } from '../../../src/passes/quantize/integers.js';

describe('uint8Params', () => {
  it('puts zero on an integer, widening the range to hold it', () => {
    expect(uint8Params({ low: -1, high: 1.55 })).toEqual({ scale: Math.fround(2.55 / 255), zeroPoint: 100 });
    expect(uint8Params({ low: 2, high: 5.1 })).toEqual({ scale: Math.fround(5.1 / 255), zeroPoint: 0 });
    expect(uint8Params({ low: -5.1, high: -1 })).toEqual({ scale: Math.fround(5.1 / 255), zeroPoint: 255 });
  });

  it('puts it in the middle where symmetric, at the bottom where nothing is negative', () => {
    expect(uint8Params({ low: -1, high: 2.54 }, true)).toEqual({ scale: Math.fround(2.54 / 127), zeroPoint: 128 });
    expect(uint8Params({ low: 0, high: 2.55 }, true)).toEqual({ scale: Math.fround(2.55 / 255), zeroPoint: 0 });
  });

  it('gives a positive scale for a value that is always zero', () => {
    expect(uint8Params({ low: 0, high: 0 }).scale).toBe(2 ** -126);
  });
});

describe('uint8Range', () => {
  it.each([
    { symmetric: false, zeroPoint: fc.nat(255) },
    { symmetric: true, zeroPoint: fc.constantFrom(0, 128) },
  ])('is the range that a scale and a zero point are for, to the bit (%o)', ({ symmetric, zeroPoint }) => {
    const scale = fc.float({ min: Math.fround(1e-20), max: Math.fround(1e9), noNaN: true });
    fc.assert(
      fc.property(fc.record({ scale, zeroPoint }), (params) => {
        expect(uint8Params(uint8Range(params, symmetric), symmetric)).toEqual(params);
      }),
    );
  });
});

describe('quantizeWeight', () => {
  it('takes one scale per slice along the axis', () => {
    const { data, scales } = quantizeWeight(Tensor.from('w', 'float32', [2, 3], [1.27, -1, 0, 0, 0, 2.54]), {
      axis: 0,
    });
    expect([...data]).toEqual([127, -100, 0, 0, 0, 127]);
    expect([...scales]).toEqual([Math.fround(Math.fround(1.27) / 127), Math.fround(Math.fround(2.54) / 127)]);
  });

  it('takes one for all without an axis, and 7 bits where asked', () => {
    const { data } = quantizeWeight(Tensor.from('w', 'float32', [3], [1, -0.4, 0.25]), { limit: 63 });
    expect([...data]).toEqual([63, -25, 16]);
  });

  it('keeps a slice of zeros', () => {
    expect([...quantizeWeight(Tensor.from('w', 'float32', [2], [0, 0])).data]).toEqual([0, 0]);
  });

  it('raises a scale so that a large bias fits into 32 bits', () => {
    const { scales } = quantizeWeight(Tensor.from('w', 'float32', [1, 1], [1]), {
      axis: 0,
      minScales: Float32Array.of(0.5),
    });
    expect([...scales]).toEqual([0.5]);
  });

  const floats = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

  it('errs by at most half a step', () => {
    fc.assert(
      fc.property(
        fc.array(floats, { minLength: 12, maxLength: 12 }),
        fc.constantFrom(undefined, 0, 1, 2),
        (values, axis) => {
          const tensor = Tensor.from('w', 'float32', [2, 3, 2], values);
          const { data, scales } = quantizeWeight(tensor, { axis });
          tensor.toFloats().forEach((value, i) => {
            const slice = axis === undefined ? 0 : [Math.floor(i / 6), Math.floor(i / 2) % 3, i % 2][axis]!;
            const scale = scales[slice]!;
            expect(Math.abs(value - data[i]! * scale)).toBeLessThanOrEqual(scale * 0.5001);
          });
        },
      ),
    );
  });
});

describe('roundEven', () => {
  it('rounds halves to even', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 0.49, -2.51].map((x) => roundEven(x) + 0)).toEqual([0, 2, 2, 0, -2, 0, -3]);
  });
});
