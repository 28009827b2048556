import { expect, test } from 'vitest';
import { checkGradient, floats, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

/** Points in and around the image that do not lie on a pixel, where the gradient jumps. */
const GRID = [-0.83, -0.62, 0.11, 0.37, 0.91, -0.23, 1.37, 0.41, -1.21, 0.13, 0.57, 0.77, -0.41, 1.9, 0.29, -0.07];

test.each(['zeros', 'border'].flatMap((padding) => [0, 1].map((corners) => [padding, corners] as [string, number])))(
  'GridSample, padding %s, align_corners %i',
  async (padding, corners) => {
    const attributes = `mode = "linear", padding_mode = "${padding}", align_corners = ${corners}`;
    for (const n of ['2', 'n']) {
      const text = `f (float[${n},3,4,5] x, float[${n},2,2,2] grid) => (float[${n},3,2,2] y) { y = GridSample<${attributes}>(x, grid) }`;
      await checkGradient(
        graphOf(text, 20),
        { x: randomFloats([2, 3, 4, 5]), grid: floats([2, 2, 2, 2], GRID) },
        { step: 2e-3 },
      );
    }
  },
);

test('other modes are refused', async () => {
  const text =
    'f (float[1,1,3,3] x, float[1,2,2,2] grid) => (float[1,1,2,2] y) { y = GridSample<mode = "cubic">(x, grid) }';
  const feeds = { x: randomFloats([1, 1, 3, 3]), grid: floats([1, 2, 2, 2], GRID.slice(0, 8)) };
  await expect(gradientsOf(graphOf(text, 20), feeds)).rejects.toThrow('its mode is cubic');
});
