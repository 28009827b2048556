import { describe, expect, it } from 'vitest';
import type { NamedValues } from '../../src/ir/types.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { isVaried, measureLatency } from '../../src/runtime/latency.js';

const negates = (input: string) =>
  encodeModel(
    parseModel(`<ir_version: 8, opset_import: ["": 13]> f (float[n] ${input}) => (float[n] y) { y = Neg(${input}) }`),
  );

const feed = (input: string, ...data: number[]): NamedValues => ({
  [input]: { type: 'float32', dims: [data.length], data: Float32Array.from(data) },
});

const measure = (models: Uint8Array[], ...feeds: Parameters<typeof measureLatency>[1]) =>
  measureLatency(models, feeds, { threads: 1 }, { milliseconds: 1, rounds: [4, 6] });

describe('measureLatency', () => {
  it('gives all models the same input, once for each size', async () => {
    const series = await measure([negates('x'), negates('x')], feed('x', 1), feed('x', 1, 2, 3));
    expect(series.map(({ batch, varied }) => [batch, varied])).toEqual([
      [1, false],
      [3, false],
    ]);
    for (const { milliseconds } of series) expect(milliseconds.map(({ length }) => length >= 4)).toEqual([true, true]);
  });

  it('takes several inputs in turn, the same for all models', async () => {
    const inputs = [feed('x', 1, 2), feed('x', 3, 4)];
    const [series] = await measure([negates('x'), negates('x')], inputs);
    expect(series).toMatchObject({ batch: 2, varied: true });
    expect(series!.milliseconds.map(({ length }) => length)).toEqual([2, 2]);
  });

  it('gives each model inputs of its own', async () => {
    const [series] = await measure([negates('x'), negates('z')], { each: [feed('x', 1), feed('z', 1)] });
    expect(series).toMatchObject({ batch: 1, varied: false });
    expect(isVaried({ each: [feed('x', 1), [feed('z', 1), feed('z', 2)]] })).toBe(true);
  });

  it('tells inputs of each from an input that is called so', () => {
    expect(isVaried(feed('each', 1, 2))).toBe(false);
  });
});
