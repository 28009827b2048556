import { describe, expect, it } from 'vitest';
import { correct, type Moments } from '../../../src/passes/prune/ridge.js';
import { seededRandom } from '../../../src/random.js';

/** Moments of one input and one output. */
function momentsOf(xs: readonly number[], es: readonly number[], ts: readonly number[]): Moments {
  const sum = (of: (k: number) => number) => Float64Array.of(xs.reduce((total, _, k) => total + of(k), 0));
  return {
    ...{ groups: 1, outputs: 1, inputs: 1, count: xs.length },
    ...{ xx: sum((k) => xs[k]! ** 2), ex: sum((k) => es[k]! * xs[k]!), x: sum((k) => xs[k]!) },
    ...{ e: sum((k) => es[k]!), ee: sum((k) => es[k]! ** 2), t: sum((k) => ts[k]!), tt: sum((k) => ts[k]! ** 2) },
  };
}

describe('correct', () => {
  const moments = momentsOf([1, 2, 3], [5, 7, 9], [0, 3, 6]);

  it('finds the line through the errors', () => {
    const { weight, bias, before, after } = correct(moments, { ridge: 1e-9, hasBias: true });
    expect([weight[0], bias![0]]).toEqual([expect.closeTo(2, 5), expect.closeTo(3, 4)]);
    // Σe² = 155; Σ(t − 3)² = 18
    expect([before, after]).toEqual([expect.closeTo(155 / 18, 9), expect.closeTo(0, 5)]);
  });

  it('holds the weights back, but not the bias', () => {
    // centred: Σx² = 2, Σex = 4; λ = 0.5 · 2; D = 4 / 3, bias = 7 − D · 2; Σ(e − Dx − b)² = 8 − 2·D·4 + D²·2
    const { weight, bias, after } = correct(moments, { ridge: 0.5, hasBias: true });
    expect([weight[0], bias![0]]).toEqual([expect.closeTo(4 / 3, 5), expect.closeTo(7 - 8 / 3, 5)]);
    expect(after).toBeCloseTo((8 - 32 / 3 + 32 / 9) / 18, 5);
  });

  it('fits through the origin where there is no bias', () => {
    const { weight, bias } = correct(moments, { ridge: 1e-12, hasBias: false });
    expect([weight[0], bias]).toEqual([expect.closeTo(46 / 14, 9), undefined]);
  });

  it('corrects the bias alone where the inputs are always the same', () => {
    const { weight, bias } = correct(momentsOf([2, 2], [1, 3], [0, 1]), { ridge: 0.01, hasBias: true });
    expect([weight[0], bias![0]]).toEqual([0, 2]);
  });

  it('leaves weights nearly alone where rounding is all that is left of how inputs vary', () => {
    const [inputs, count] = [64, 256];
    const random = seededRandom(3);
    // Sums of float32 products of values that are 1, less the mean, are any numbers of this size.
    const rounded = () => count * (1 + 2 ** -24 * (2 * random() - 1));
    const xx = new Float64Array(inputs * inputs);
    for (let i = 0; i < inputs; i++) for (let j = 0; j <= i; j++) xx[i * inputs + j] = xx[j * inputs + i] = rounded();
    const x = new Float64Array(inputs).fill(count);
    const [e, ex] = [Float64Array.of(count), new Float64Array(inputs).fill(count)];
    const moments = { groups: 1, outputs: 1, inputs, count, xx, ex, x, e, ee: e, t: e, tt: Float64Array.of(2 * count) };
    const { weight, bias } = correct(moments, { ridge: 0.01, hasBias: true });
    expect(Math.max(...weight.map(Math.abs))).toBeLessThan(1e-6);
    expect(bias![0]).toBeCloseTo(1, 6);
  });
});
