import { describe, expect, test } from 'vitest';
import { checkGradient, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

/** Checks a Conv or ConvTranspose with a bias of `channels` elements; the sizes of `x` become symbols in `open` order. */
async function check(op: string, x: readonly number[], w: readonly number[], channels: number, attributes = '') {
  for (const dims of [x.join(','), ['n', x[1], ...x.slice(2).map((_, k) => `s${k}`)].join(',')]) {
    const text = `f (float[${dims}] x, float[${w.join(',')}] w, float[${channels}] b) => (float[${x.map((_, k) => `y${k}`)}] y) {
      y = ${op}${attributes && `<${attributes}>`}(x, w, b)
    }`;
    const feeds = { x: randomFloats(x), w: randomFloats(w, 2), b: randomFloats([channels], 3) };
    await checkGradient(graphOf(text), feeds);
  }
}

describe('Conv', () => {
  test.each([
    ['one axis', [2, 3, 7], [4, 3, 3], 'pads = [1, 1]'],
    ['one axis, uneven pads and stride', [2, 3, 9], [4, 3, 4], 'pads = [1, 2], strides = [2]'],
    ['two axes', [2, 3, 5, 4], [4, 3, 3, 2], ''],
    ['pads on four sides', [2, 2, 5, 4], [3, 2, 3, 3], 'pads = [0, 1, 2, 1]'],
    ['1 × 1', [2, 3, 4, 3], [4, 3, 1, 1], ''],
    ['1 × 1 with a stride', [2, 3, 5, 4], [4, 3, 1, 1], 'strides = [2, 2]'],
    ['stride that leaves nothing over', [2, 2, 5, 5], [3, 2, 3, 3], 'strides = [2, 2], pads = [1, 1, 1, 1]'],
    ['stride that leaves rows over', [2, 2, 6, 7], [3, 2, 3, 3], 'strides = [2, 3], pads = [1, 1, 1, 1]'],
    ['dilations', [2, 2, 7, 6], [3, 2, 3, 2], 'dilations = [2, 3], pads = [1, 0, 1, 0]'],
    [
      'dilations with a stride',
      [1, 2, 9, 8],
      [3, 2, 3, 2],
      'dilations = [2, 3], strides = [3, 2], pads = [1, 1, 1, 1]',
    ],
    ['groups', [2, 4, 4, 4], [6, 2, 3, 3], 'group = 2, pads = [1, 1, 1, 1]'],
    ['groups with a stride', [2, 4, 5, 4], [2, 2, 3, 3], 'group = 2, strides = [2, 2], pads = [1, 1, 1, 1]'],
    ['depthwise', [2, 3, 5, 4], [3, 1, 3, 3], 'group = 3, pads = [1, 1, 1, 1]'],
    ['depthwise with a stride', [2, 3, 6, 5], [3, 1, 3, 3], 'group = 3, strides = [2, 2], pads = [1, 1, 1, 1]'],
    ['depthwise with dilation', [2, 3, 6, 5], [3, 1, 3, 3], 'group = 3, dilations = [2, 1], pads = [2, 1, 2, 1]'],
    ['depthwise with a multiplier', [2, 2, 4, 4], [4, 1, 3, 3], 'group = 2, pads = [1, 1, 1, 1]'],
    ['auto_pad SAME_UPPER', [1, 2, 5, 4], [3, 2, 2, 3], 'auto_pad = "SAME_UPPER"'],
    ['auto_pad SAME_UPPER with a stride', [1, 2, 6, 5], [3, 2, 3, 4], 'auto_pad = "SAME_UPPER", strides = [2, 2]'],
    ['auto_pad SAME_LOWER with a stride', [1, 2, 6, 5], [3, 2, 3, 4], 'auto_pad = "SAME_LOWER", strides = [2, 2]'],
    ['auto_pad VALID', [1, 2, 6, 5], [3, 2, 3, 2], 'auto_pad = "VALID", strides = [2, 2]'],
    ['three axes', [2, 2, 4, 3, 4], [2, 2, 2, 3, 2], 'pads = [1, 1, 0, 1, 1, 1]'],
    ['three axes, groups and stride', [1, 2, 5, 4, 4], [2, 1, 2, 2, 3], 'group = 2, strides = [2, 1, 2]'],
  ])('%s', async (_, x, w, attributes) => {
    await check('Conv', x, w, w[0]!, attributes);
  });

  test('only what is asked for is computed', async () => {
    const model = graphOf('f (float[1,1,3,3] x, float[1,1,2,2] w) => (float[1,1,2,2] y) { y = Conv(x, w) }');
    const feeds = { x: randomFloats([1, 1, 3, 3]), w: randomFloats([1, 1, 2, 2], 2) };
    expect(Object.keys(await gradientsOf(model, feeds, { by: ['w'] }))).toEqual(['w']);
    await checkGradient(model, feeds, { by: ['x'] });
  });
});

describe('ConvTranspose', () => {
  test.each([
    ['one axis', [2, 3, 4], [3, 2, 3], 2, 'strides = [2]'],
    ['two axes', [2, 3, 4, 3], [3, 2, 3, 2], 2, ''],
    [
      'pads, stride and output_padding',
      [2, 3, 4, 3],
      [3, 2, 3, 3],
      2,
      'pads = [1, 1, 1, 1], strides = [2, 2], output_padding = [1, 0]',
    ],
    ['dilations', [1, 2, 4, 3], [2, 2, 3, 2], 2, 'dilations = [2, 3]'],
    ['groups', [1, 4, 3, 3], [4, 1, 2, 2], 2, 'group = 2, strides = [2, 2]'],
    ['three axes', [1, 2, 3, 2, 2], [2, 2, 2, 2, 2], 2, 'strides = [2, 1, 2]'],
  ])('%s', async (_, x, w, channels, attributes) => {
    await check('ConvTranspose', x, w, channels, attributes);
  });

  test.each([
    'auto_pad = "SAME_UPPER", strides = [2, 2]',
    'auto_pad = "SAME_LOWER", strides = [2, 2]',
    'auto_pad = "VALID", strides = [2, 2]',
    'output_shape = [6, 7], strides = [2, 2]',
    'output_shape = [6, 6], strides = [2, 2], auto_pad = "SAME_UPPER"',
  ])('%s', async (attributes) => {
    const model = graphOf(
      `f (float[1,2,3,3] x, float[2,2,3,4] w) => (float[1,2,h,v] y) { y = ConvTranspose<${attributes}>(x, w) }`,
    );
    await checkGradient(model, { x: randomFloats([1, 2, 3, 3]), w: randomFloats([2, 2, 3, 4], 2) });
  });
});
