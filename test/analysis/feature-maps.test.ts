import { describe, expect, it } from 'vitest';
import { stagesOf } from '../../src/analysis/feature-maps.js';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import { graphOf } from '../ops/gradients/check-gradient.js';
import { constants } from './constants.js';

async function stages(text: string) {
  const model = graphOf(text);
  return stagesOf(model, await inferValueTypes(model));
}

describe('stagesOf', () => {
  it('ends a stage where the last block of a resolution ends, and leaves the stem out', async () => {
    const found = await stages(`f (float[n,3,16,16] x) => (float[n,10] y)
      ${constants({ stem: [8, 3, 3, 3], a: [8, 8, 3, 3], b: [8, 8, 3, 3], c: [12, 8, 3, 3], d: [12, 12, 3, 3], s: [12, 8, 1, 1], w: [12, 10] })}
      {
        first = Conv<pads = [1,1,1,1]>(x, stem)
        pool = MaxPool<kernel_shape = [2,2], strides = [2,2]>(first)
        a1 = Conv<pads = [1,1,1,1]>(pool, a) a2 = Relu(a1) a3 = Conv<pads = [1,1,1,1]>(a2, b) a4 = Add(a3, pool) a5 = Relu(a4)
        b1 = Conv<pads = [1,1,1,1], strides = [2,2]>(a5, c) b2 = Relu(b1) b3 = Conv<pads = [1,1,1,1]>(b2, d)
        short = Conv<strides = [2,2]>(a5, s) b4 = Add(b3, short) b5 = Relu(b4)
        mean = GlobalAveragePool(b5) flat = Flatten(mean) y = MatMul(flat, w)
      }`);
    expect(found).toEqual([
      { value: 'a5', sizes: [8, 8], scale: 0.5, convolutions: 2 },
      { value: 'b5', sizes: [4, 4], scale: 0.25, convolutions: 3 },
    ]);
  });

  it('looks through squeeze and excitation', async () => {
    const found =
      await stages(`f (float[n,4,8,8] x) => (float[n,4,1,1] y) ${constants({ a: [4, 4, 1, 1], b: [4, 4, 1, 1] })}
      { c = Conv(x, a) s = GlobalAveragePool(c) e = Conv(s, b) g = Sigmoid(e) m = Mul(c, g) y = GlobalAveragePool(m) }`);
    expect(found.map(({ value }) => value)).toEqual(['m']);
  });

  it('works on one axis of positions, and on channels that an exporter moved to the end', async () => {
    const found = await stages(`f (float[n,32,2] x) => (float[n,8,6] y) ${constants({ a: [4, 2, 3], b: [6, 4, 3] })}
      {
        t = Transpose<perm = [0,2,1]>(x) c = Conv<pads = [1,1], strides = [2]>(t, a) r = Relu(c)
        d = Conv<pads = [1,1], strides = [2]>(r, b) q = Relu(d) y = Transpose<perm = [0,2,1]>(q)
      }`);
    expect(found).toEqual([{ value: 'q', sizes: [8], scale: 0.25, convolutions: 1 }]);
  });

  it('finds none where nothing is convolved', async () => {
    expect(await stages(`f (float[n,4] x) => (float[n,3] y) ${constants({ w: [4, 3] })} { y = MatMul(x, w) }`)).toEqual(
      [],
    );
  });

  it('leaves out values whose sizes are open', async () => {
    const text = `f (float[n,2,t] x) => (float[n,2,t] y) ${constants({ a: [2, 2, 1] })} { y = Conv(x, a) }`;
    expect(await stages(text)).toEqual([]);
  });
});
