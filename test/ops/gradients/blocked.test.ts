import { expect, test } from 'vitest';
import type { TensorValue } from '../../../src/ir/types.js';
import { convolutionBlock } from '../../../src/runtime/convolution-block.js';
import { floats, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

/** The blocked gradients of a Conv equal those of standard operators, which are checked against differences. */
async function compare(x: readonly number[], w: readonly number[], attributes: string): Promise<void> {
  const blockSize = await convolutionBlock();
  const model = graphOf(
    `f (float[${x}] x, float[${w}] w) => (float[${x.map((_, k) => `y${k}`)}] y) { y = Conv<${attributes}>(x, w) }`,
  );
  const feeds = { x: randomFloats(x), w: randomFloats(w, 2) };
  const [plain, blocked] = [await gradientsOf(model, feeds), await gradientsOf(model, feeds, { blockSize })];
  for (const name of ['x', 'w']) expectEqual(blocked[name]!, plain[name]!);
}

const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

function expectEqual(actual: TensorValue, expected: TensorValue, tolerance = 1e-5): void {
  expect(actual.dims).toEqual(expected.dims);
  const [a, b] = [actual.data as Float32Array, expected.data as Float32Array];
  expect(largest(b.map((value, k) => value - a[k]!)) / largest(b)).toBeLessThan(tolerance);
}

test.each([
  ['dense', [16, 32, 6, 5], [16, 32, 3, 3], 'pads = [1, 1, 1, 1]'],
  ['dense, valid', [16, 16, 6, 5], [32, 16, 3, 3], ''],
  ['channels between blocks', [16, 24, 5, 5], [40, 24, 3, 3], 'pads = [1, 1, 1, 1]'],
  ['rows between blocks', [13, 16, 5, 5], [16, 16, 3, 3], 'pads = [1, 1, 1, 1]'],
  ['few channels', [16, 1, 7, 7], [16, 1, 3, 3], 'pads = [1, 1, 1, 1]'],
  ['stride', [16, 16, 8, 8], [32, 16, 3, 3], 'pads = [1, 1, 1, 1], strides = [2, 2]'],
  ['stride, odd sizes', [16, 16, 7, 9], [16, 16, 3, 3], 'pads = [1, 1, 1, 1], strides = [2, 2]'],
  ['stride, even kernel', [16, 16, 8, 8], [16, 16, 4, 4], 'pads = [1, 1, 1, 1], strides = [2, 2]'],
  ['stride, SAME_UPPER', [16, 16, 8, 8], [16, 16, 3, 3], 'auto_pad = "SAME_UPPER", strides = [2, 2]'],
  ['different strides', [16, 16, 9, 8], [16, 16, 5, 3], 'pads = [2, 1, 2, 1], strides = [3, 1]'],
  ['stride above the kernel', [16, 16, 8, 7], [16, 16, 2, 1], 'strides = [3, 2]'],
  ['1 × 1 with a stride', [16, 16, 7, 8], [16, 16, 1, 1], 'strides = [2, 2]'],
  ['1 × 1', [16, 16, 7, 8], [32, 16, 1, 1], ''],
  ['dilations', [16, 16, 8, 9], [16, 16, 3, 3], 'pads = [2, 1, 2, 1], dilations = [2, 1]'],
  ['uneven pads', [16, 16, 5, 6], [16, 16, 3, 4], 'pads = [0, 2, 1, 1]'],
  ['more pads than taps', [16, 16, 4, 4], [16, 16, 2, 2], 'pads = [2, 2, 2, 2]'],
  ['depthwise', [3, 24, 6, 5], [24, 1, 3, 3], 'group = 24, pads = [1, 1, 1, 1]'],
  ['depthwise with a stride', [3, 16, 7, 8], [16, 1, 3, 3], 'group = 16, pads = [1, 1, 1, 1], strides = [2, 2]'],
  ['depthwise, rows left over', [3, 16, 8, 8], [16, 1, 3, 3], 'group = 16, strides = [2, 3]'],
  ['depthwise with dilation', [3, 16, 7, 8], [16, 1, 3, 3], 'group = 16, pads = [2, 2, 2, 2], dilations = [2, 2]'],
  ['one axis', [16, 16, 12], [32, 16, 3], 'pads = [1, 1]'],
  ['one axis with a stride', [16, 16, 13], [32, 16, 5], 'pads = [2, 2], strides = [2]'],
  ['one axis, few channels', [16, 1, 40], [32, 1, 8], 'pads = [3, 3], strides = [4]'],
  ['one axis, depthwise', [2, 16, 12], [16, 1, 3], 'pads = [1, 1], group = 16'],
  ['many windows in even parts', [16, 1, 20, 20], [16, 1, 3, 3], 'pads = [1, 1, 1, 1]'],
  ['many windows in uneven parts', [13, 16, 23, 23], [16, 16, 3, 3], 'pads = [1, 1, 1, 1]'],
  ['many windows with a stride', [32, 2, 47, 35], [16, 2, 3, 5], 'strides = [2, 1], dilations = [1, 2]'],
  ['wide windows', [16, 3, 3, 307], [16, 3, 3, 3], 'pads = [1, 1, 1, 1]'],
  ['one axis, many windows', [32, 1, 1031], [16, 1, 8], 'pads = [3, 3], strides = [2]'],
  ['depthwise, many windows', [2, 16, 67, 67], [16, 1, 3, 3], 'group = 16, strides = [1, 1]'],
  ['depthwise, wide windows', [1, 24, 3, 1801], [24, 1, 3, 3], 'group = 24, pads = [1, 1, 1, 1]'],
  ['depthwise, one axis, many windows', [1, 16, 9001], [16, 1, 5], 'group = 16, strides = [2], dilations = [3]'],
])('%s', (_, x, w, attributes) => compare(x, w, attributes));

test('sums over many windows stay accurate where partial sums are far larger than the whole', async () => {
  const model = graphOf(
    `f (float[16,1,2000] x, float[16,1,3] w, float[2000] r) => (float s)
      { y = Conv<pads = [1, 1]>(x, w) z = Mul(y, r) s = ReduceSum<keepdims = 0>(z) }`,
  );
  const x = floats(
    [16, 1, 2000],
    (randomFloats([16, 1, 2000]).data as Float32Array).map((value) => value + 1),
  );
  const r = floats(
    [2000],
    Float32Array.from({ length: 2000 }, (_, k) => (k < 1000 ? 1 : -1)),
  );
  const feeds = { x, w: randomFloats([16, 1, 3]), r };
  const plain = await gradientsOf(model, feeds, { by: ['w'] });
  const blocked = await gradientsOf(model, feeds, { by: ['w'], blockSize: await convolutionBlock() });
  expectEqual(blocked.w!, plain.w!, 4e-4);
});

test.each([
  ['tiles', [2, 16, 6, 4], 'kernel_shape = [2, 2], strides = [2, 2]'],
  ['rows left over', [2, 24, 7, 8], 'kernel_shape = [3, 2], strides = [3, 2]'],
  ['one axis', [2, 16, 11], 'kernel_shape = [4], strides = [4]'],
  ['windows that overlap', [2, 16, 6, 5], 'kernel_shape = [3, 3], strides = [2, 2]'],
])('MaxPool: %s', async (_, x, attributes) => {
  const model = graphOf(
    `f (float[${x}] x) => (float[${x.map((_, k) => `y${k}`)}] y) { y = MaxPool<${attributes}>(x) }`,
  );
  const feeds = { x: randomFloats(x) };
  const plain = await gradientsOf(model, feeds);
  const blocked = await gradientsOf(model, feeds, { blockSize: await convolutionBlock() });
  expectEqual(blocked.x!, plain.x!);
});

test('equal maxima of a window share its gradient', async () => {
  const model = graphOf(
    'f (float[1,16,2,2] x) => (float[1,16,1,1] y) { y = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) }',
  );
  const x = randomFloats([1, 16, 2, 2]);
  (x.data as Float32Array).set([5, 1, 5, 2]);
  const blockSize = await convolutionBlock();
  const gradient = (await gradientsOf(model, { x }, { blockSize })).x!.data as Float32Array;
  if (blockSize) expect(gradient[0]).toBe(gradient[2]);
  expect([gradient[1], gradient[3]]).toEqual([0, 0]);
});
