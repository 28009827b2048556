import { describe, expect, test } from 'vitest';
import { checkGradient, floats, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

/** Checks a pool with fixed sizes and, where `open`, with sizes that are symbols. */
async function check(op: string, x: readonly number[], attributes: string, open = true) {
  const symbols = ['n', x[1], ...x.slice(2).map((_, k) => `s${k}`)].join(',');
  for (const dims of open ? [x.join(','), symbols] : [x.join(',')]) {
    const call = `${op}${attributes && `<${attributes}>`}(x)`;
    const model = graphOf(`f (float[${dims}] x) => (float[${x.map((_, k) => `y${k}`)}] y) { y = ${call} }`);
    await checkGradient(model, { x: randomFloats(x, 4, 3) }, { tolerance: 1e-2 });
  }
}

const WINDOWS: [string, number[], string][] = [
  ['one axis', [2, 2, 8], 'kernel_shape = [4], strides = [4]'],
  ['windows side by side', [2, 2, 6, 4], 'kernel_shape = [2, 2], strides = [2, 2]'],
  ['rows left over', [2, 2, 7, 5], 'kernel_shape = [2, 2], strides = [2, 2]'],
  ['windows that overlap', [1, 2, 6, 5], 'kernel_shape = [3, 3], strides = [2, 2]'],
  ['pads', [1, 2, 6, 5], 'kernel_shape = [3, 3], strides = [2, 2], pads = [1, 0, 1, 1]'],
  ['stride 1', [1, 2, 5, 4], 'kernel_shape = [3, 2], pads = [1, 0, 1, 1]'],
  ['gaps between windows', [1, 2, 8, 7], 'kernel_shape = [2, 2], strides = [3, 3]'],
  ['three axes', [1, 2, 4, 4, 4], 'kernel_shape = [2, 2, 2], strides = [2, 2, 2]'],
];
const FIXED: [string, number[], string][] = [
  ['ceil_mode', [1, 2, 7, 6], 'kernel_shape = [2, 3], strides = [2, 2], ceil_mode = 1'],
  ['ceil_mode with pads', [1, 2, 6, 6], 'kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1'],
  ['auto_pad SAME_UPPER', [1, 2, 6, 5], 'kernel_shape = [2, 3], strides = [1, 2], auto_pad = "SAME_UPPER"'],
  ['auto_pad SAME_LOWER', [1, 2, 6, 5], 'kernel_shape = [2, 3], strides = [1, 2], auto_pad = "SAME_LOWER"'],
  ['auto_pad VALID', [1, 2, 6, 5], 'kernel_shape = [2, 3], strides = [1, 2], auto_pad = "VALID"'],
];

describe('MaxPool', () => {
  test.each([
    ...WINDOWS,
    ...FIXED,
    ['dilations', [1, 2, 7, 6], 'kernel_shape = [2, 2], dilations = [2, 3], strides = [2, 1]'],
  ] as [string, number[], string][])('%s', (_, x, attributes) => check('MaxPool', x, attributes));

  test('the first of equal values gets the gradient', async () => {
    const model = graphOf(
      'f (float[1,1,4] x) => (float[1,1,2] y) { y = MaxPool<kernel_shape = [2], strides = [2]>(x) }',
    );
    const { x } = await gradientsOf(model, { x: floats([1, 1, 4], [1, 1, 2, 2]) });
    expect([...(x!.data as Float32Array)].map((value) => value !== 0)).toEqual([true, false, true, false]);
  });
});

describe('AveragePool', () => {
  test.each(WINDOWS)('%s', (name, x, attributes) =>
    check('AveragePool', x, attributes, name !== 'pads' && name !== 'stride 1'),
  );
  test.each(FIXED)('%s', (_, x, attributes) => check('AveragePool', x, attributes, false));
  test.each([...WINDOWS, ...FIXED])('%s, pads counted', (_, x, attributes) =>
    check('AveragePool', x, `${attributes}, count_include_pad = 1`, false),
  );
});

describe('LpPool', () => {
  test.each([...WINDOWS, ...FIXED])('%s', (_, x, attributes) => check('LpPool', x, attributes));
  test.each([1, 2, 3])('p = %i', (p) => check('LpPool', [1, 2, 6, 4], `kernel_shape = [3, 2], p = ${p}`));
});

test.each(['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'])('%s', async (op) => {
  for (const x of [
    [2, 3, 5],
    [2, 3, 3, 4],
    [2, 2, 2, 3, 2],
  ])
    await check(op, x, '');
});
