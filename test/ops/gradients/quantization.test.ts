import { describe, expect, test } from 'vitest';
import type { NamedValues, TensorValue } from '../../../src/ir/types.js';
import { checkGradient, floats, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

const numbers = (value: TensorValue | undefined) => [...(value!.data as Float32Array)];

/** One number from four, so that the gradient that arrives at each is the same. */
const summed = (type: string, zero: number, opset = 18) =>
  graphOf(
    `f (float[4] x, float s) => (float y) <${type} z = {${zero}}> {
      q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)  y = ReduceSum<keepdims=0>(d) }`,
    opset,
  );

describe('QuantizeLinear with DequantizeLinear behind it', () => {
  test('passes gradients inside the range of the integers and ends them outside', async () => {
    const x = floats([4], [-0.3, 0.26, 127.4, 128.1]);
    const { x: dx, s: ds } = await gradientsOf(summed('uint8', 0), { x, s: floats([], [0.5]) });
    const dy = numbers(dx)[1]!;
    expect(numbers(dx)).toEqual([0, dy, dy, 0]);
    // By the scale: the rounding error in steps inside (0.52 → 1, 254.8 → 255), the last integer outside (0 and 255).
    expect(numbers(ds)[0]! / dy).toBeCloseTo(0 + 0.48 + 0.2 + 255, 3);
  });

  test('a zero point moves the range', async () => {
    const x = floats([4], [-64.5, -64, 63.5, 63.6]);
    const { x: dx, s: ds } = await gradientsOf(summed('uint8', 128), { x, s: floats([], [0.5]) });
    const dy = numbers(dx)[1]!;
    expect(numbers(dx)).toEqual([0, dy, dy, 0]);
    expect(numbers(ds)[0]! / dy).toBeCloseTo(-128 + 0 + 0 + 127, 3);
  });

  test('integers may have four bits', async () => {
    const x = floats([4], [-0.1, 0, 1.5, 1.6]);
    const { x: dx, s: ds } = await gradientsOf(summed('uint4', 0, 21), { x, s: floats([], [0.1]) });
    const dy = numbers(dx)[1]!;
    expect(numbers(dx)).toEqual([0, dy, dy, 0]);
    expect(numbers(ds)[0]! / dy).toBeCloseTo(15, 3);
  });

  /** What fake quantization computes, with the rounding errors r (in steps) held fixed: piecewise linear. */
  const unrounded = (scale: string, low: number, high: number) =>
    graphOf(`f (float[2,3,4] x, float${scale} s, float[2,3,4] r)
      => (float[2,3,4] y) <float low = {${low}.0}, float high = {${high}.0}> {
        steps = Div(x, s)  rounded = Add(steps, r)  inside = Clip(rounded, low, high)  y = Mul(inside, s) }`);

  test.each([
    { type: 'int8', dims: [], zero: '7', axis: 0, low: -135, high: 120 },
    { type: 'uint16', dims: [1], zero: '1000', axis: 1, low: -1000, high: 64535 },
    { type: 'int8', dims: [3], zero: '0, 0, 0', axis: 1, low: -128, high: 127 },
    { type: 'int16', dims: [4], zero: '0, 0, 0, 0', axis: -1, low: -32768, high: 32767 },
  ])('$type with scales of $dims has the gradient of the function without steps', async (given) => {
    const { type, dims, zero, axis, low, high } = given;
    const slices = dims[0] ?? 1;
    const of = dims.length ? `[${dims}]` : '';
    const fake = graphOf(
      `f (float[2,3,4] x, float${of} s) => (float[2,3,4] y) <${type}${of} z = {${zero}}> {
        q = QuantizeLinear<axis=${axis}>(x, s, z)  y = DequantizeLinear<axis=${axis}>(q, s, z) }`,
      21,
    );
    const scales = Array.from({ length: slices }, (_, k) => (1.5 + k) / high);
    const x = randomFloats([2, 3, 4], 3, 2);
    const scaleAt = (k: number) => scales[slices === 1 ? 0 : axis === 1 ? Math.floor(k / 4) % 3 : k % 4]!;
    const r = x.data as Float32Array;
    const errors = Array.from(r, (value, k) => Math.round(value / scaleAt(k)) - value / scaleAt(k));
    const shape = slices === 3 ? [3, 1] : dims;
    const feeds: NamedValues = { x, s: floats(shape, scales), r: floats([2, 3, 4], errors) };
    const smooth = unrounded(shape.length ? `[${shape}]` : '', low, high);
    const reference = await gradientsOf(smooth, feeds, { by: ['x', 's'] });
    const found = await gradientsOf(fake, { x, s: floats(dims, scales) });
    expect(numbers(found.x)).toEqual(numbers(reference.x).map((value) => expect.closeTo(value, 4)));
    const largest = Math.max(...numbers(reference.s).map(Math.abs));
    numbers(found.s).forEach((value, k) => {
      expect(Math.abs(value - numbers(reference.s)[k]!) / largest).toBeLessThan(1e-4);
    });
    const isOutside = numbers(found.x).filter((value) => value === 0).length;
    expect(isOutside).toBeGreaterThan(0);
    await checkGradient(smooth, feeds, { by: ['x'], step: 1e-4 });
  });
});

describe('integers that stay integers', () => {
  const refused = async (body: string, outputs = 'float[4] y') => {
    const model = graphOf(`f (float[4] x, float s, float t) => (${outputs}) <int8 z = {0}> { ${body} }`);
    await gradientsOf(model, { x: randomFloats([4]), s: floats([], [0.1]), t: floats([], [0.2]) }, { by: ['x'] });
  };
  const message = /gradients end where values are rounded to integers/;

  test('end gradients where they are given out, or become floats by another scale', async () => {
    await expect(
      refused('q = QuantizeLinear(x, s, z)  y = DequantizeLinear(q, s, z)', 'float[4] y, int8[4] q'),
    ).rejects.toThrow(message);
    await expect(refused('q = QuantizeLinear(x, s, z)  y = DequantizeLinear(q, t, z)')).rejects.toThrow(message);
    await expect(
      refused('q = QuantizeLinear(x, s, z)  r = Reshape(q, n)  y = DequantizeLinear(r, s, z)  n = Shape(x)'),
    ).rejects.toThrow(message);
  });
});
