import { describe, expect, it } from 'vitest';
import type { NamedValues } from '../../../src/ir/types.js';
import { collectStatistics } from '../../../src/passes/quantize/calibrate.js';
import { graphOf } from './quantized.js';

const model =
  graphOf(`g (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, -1, 2, 0.5, -3, 0.25}, float[2] b = {0.5, -1}> {
  m = MatMul (x, w)
  a = Add (m, b)
  y = Relu (a)
}`);

const batch = (...rows: number[][]): NamedValues => ({
  x: { type: 'float32', dims: [rows.length, 3], data: Float32Array.from(rows.flat()) },
});

async function* batches() {
  yield batch([1, 2, 3], [-1, 0.5, 0]);
  yield batch([0, -2, 1]);
}

describe('collectStatistics', () => {
  // numpy: x @ w = [[-4, 0.75], [0, 1.25], [-7, -0.75]]; a = x @ w + b
  it('finds the extremes over all batches', async () => {
    const found = await collectStatistics(model, ['x', 'm', 'a', 'y'], batches, { histograms: false });
    expect(Object.fromEntries(found)).toEqual({
      x: { low: -2, high: 3 },
      m: { low: -7, high: 1.25 },
      a: { low: -6.5, high: 0.5 },
      y: { low: 0, high: 0.5 },
    });
  });

  it('counts every value once', async () => {
    const { a, y } = Object.fromEntries(await collectStatistics(model, ['a', 'y'], batches, { histograms: true }));
    // a = [[-3.5, -0.25], [0.5, 0.25], [-6.5, -1.75]]: 4096 cells on each side of zero hold up to 8.
    const { first, width, counts } = a!.histogram!;
    expect([first, width]).toEqual([-6.5, 8 / 4096]);
    const filled = [...counts].flatMap((count, bin) => (count ? [[first + bin * width, count]] : []));
    expect(filled).toEqual([
      [-6.5, 1],
      [-3.5, 1],
      [-1.75, 1],
      [-0.25, 1],
      [0.25, 1],
      [0.5, 1],
    ]);
    expect(y!.histogram!.counts[0]).toBe(4);
  });

  it('finds the same with any number of copies', async () => {
    const many = async function* () {
      for (let k = 0; k < 20; k++) yield batch([k / 7, Math.sin(k), 2 - k / 3], [k % 3, k / 11, -k]);
    };
    const session = { threads: 1 };
    const one = await collectStatistics(model, ['x', 'a', 'y'], many, { histograms: true, session });
    expect(await collectStatistics(model, ['x', 'a', 'y'], many, { histograms: true, session, workers: 3 })).toEqual(
      one,
    );
    expect(one.get('a')!.histogram!.counts.reduce((sum, count) => sum + count)).toBe(80);
  });

  it('passes NaN and infinity on as ranges without an end, and makes no histogram of them', async () => {
    async function* broken() {
      yield batch([1, 2, Number.POSITIVE_INFINITY]);
    }
    const { m, x } = Object.fromEntries(await collectStatistics(model, ['m', 'x'], broken, { histograms: true }));
    expect([m!.low, x!.high]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect(x!.histogram).toBeUndefined();
  });
});
