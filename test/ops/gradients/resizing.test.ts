import { describe, expect, test } from 'vitest';
import { checkGradient, floats, gradientsOf, graphOf, int64s, randomFloats } from './check-gradient.js';

const vector = (type: string, values: readonly number[]) =>
  `Constant<value = ${type}[${values.length}] {${values.map((value) => (type === 'float' ? value.toFixed(6) : value))}}>()`;
const scales = (...values: number[]) => `s = ${vector('float', values)} y = Resize`;
const sizes = (...values: number[]) => `s = ${vector('int64', values)} y = Resize`;

/** Checks a Resize with fixed sizes of its input, and with sizes that are symbols behind the first two. */
async function check(x: readonly number[], statements: string) {
  for (const dims of [x, x.map((size, axis) => (axis < 2 ? size : `x${axis}`))]) {
    const text = `f (float[${dims}] x) => (float[${x.map((_, k) => `y${k}`)}] y) { ${statements} }`;
    await checkGradient(graphOf(text), { x: randomFloats(x) }, { tolerance: 2e-3 });
  }
}

const MODES = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric', 'half_pixel_symmetric'];
const ROUNDINGS = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];

describe('Resize', () => {
  test.each(MODES.flatMap((mode) => ROUNDINGS.map((rounding) => [mode, rounding])))(
    'nearest, %s, %s',
    async (mode, rounding) => {
      const attributes = `coordinate_transformation_mode = "${mode}", nearest_mode = "${rounding}"`;
      await check([1, 2, 3, 4], `${scales(1, 1, 2, 1.5)}<${attributes}>(x, , s)`);
      await check([2, 1, 5, 4], `${sizes(2, 1, 3, 7)}<${attributes}>(x, , , s)`);
    },
  );

  test.each(['linear', 'cubic'].flatMap((mode) => MODES.map((coordinates) => [mode, coordinates])))(
    '%s, %s',
    async (mode, coordinates) => {
      const attributes = `mode = "${mode}", coordinate_transformation_mode = "${coordinates}"`;
      await check([1, 2, 3, 4], `${scales(1, 1, 2, 1.5)}<${attributes}>(x, , s)`);
      await check([2, 1, 5, 4], `${sizes(2, 1, 3, 7)}<${attributes}>(x, , , s)`);
      await check([1, 1, 6, 8], `${sizes(1, 1, 1, 3)}<${attributes}>(x, , , s)`);
    },
  );

  test.each(['linear', 'cubic'])('%s with antialias', async (mode) => {
    await check([1, 2, 6, 7], `${sizes(1, 2, 3, 4)}<mode = "${mode}", antialias = 1>(x, , , s)`);
    await check(
      [1, 1, 6, 7],
      `${scales(1, 1, 0.5, 0.6)}<mode = "${mode}", antialias = 1, exclude_outside = 1>(x, , s)`,
    );
  });

  test.each([
    [
      'cubic_coeff_a and exclude_outside',
      [1, 1, 4, 4],
      `${scales(1, 1, 1.5, 2)}<mode = "cubic", cubic_coeff_a = -0.5, exclude_outside = 1>(x, , s)`,
    ],
    ['axes', [1, 2, 4, 3], `${scales(2, 1.5)}<axes = [3, 2]>(x, , s)`],
    ['axes, linear', [1, 2, 4, 3], `${sizes(6, 5)}<axes = [-2, -1], mode = "linear">(x, , , s)`],
    ['three spatial axes', [1, 1, 2, 3, 2], `${scales(1, 1, 2, 1.5, 2)}<mode = "linear">(x, , s)`],
    ['one spatial axis', [1, 2, 5], `${scales(1, 1, 2)}<mode = "nearest">(x, , s)`],
    ['one spatial axis, linear', [1, 2, 5], `${scales(1, 1, 2)}<mode = "linear">(x, , s)`],
    ['channels too', [2, 2, 3, 3], `${scales(1, 2, 2, 1)}<mode = "nearest">(x, , s)`],
    [
      'a region',
      [1, 1, 5, 6],
      `r = ${vector('float', [0, 0, 0.2, -0.1, 1, 1, 0.9, 1.2])} ${sizes(1, 1, 4, 5)}<mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize", extrapolation_value = 3.0>(x, r, , s)`,
    ],
  ] as [string, number[], string][])('%s', (_, x, statements) => check(x, statements));

  test('scales and sizes that are fed', async () => {
    const output = 'float[a,b,c,d] y';
    const byScales = graphOf(`f (float[1,2,3,4] x, float[4] s) => (${output}) { y = Resize<mode = "linear">(x, , s) }`);
    const byX = { by: ['x'] };
    await checkGradient(byScales, { x: randomFloats([1, 2, 3, 4]), s: floats([4], [1, 1, 2, 1.5]) }, byX);
    const bySizes = graphOf(
      `f (float[n,c,h,w] x, int64[4] s) => (${output}) { y = Resize<mode = "linear">(x, , , s) }`,
    );
    await checkGradient(bySizes, { x: randomFloats([1, 2, 3, 4]), s: int64s([4], [1, 2, 5, 6]) });
  });

  test('what keeps its aspect ratio is refused', async () => {
    const model = graphOf(
      `f (float[1,1,3,4] x) => (float[a,b,c,d] y) { ${sizes(6, 6)}<keep_aspect_ratio_policy = "not_larger", axes = [2, 3]>(x, , , s) }`,
    );
    await expect(gradientsOf(model, { x: randomFloats([1, 1, 3, 4]) })).rejects.toThrow('keeps the aspect ratio');
  });
});
