import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/model.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { reestimateNorms, withOwnStatistics } from '../../src/training/reestimate-norms.js';
import { withWeights } from '../../src/training/weights.js';
import { floats, graphOf, randomFloats } from '../ops/gradients/check-gradient.js';

const stream = (...batches: ReturnType<typeof floats>[]) =>
  async function* () {
    for (const x of batches) yield { feeds: { x } };
  };

const NORM =
  'f (float[n,2] x) => (float[n,2] y) <float[2] s = {1,2}, float[2] b = {0,5}, float[2] m = {0,1}, float[2] v = {1,4}>';

describe('reestimateNorms', () => {
  const model = graphOf(`${NORM} { y = BatchNormalization(x, s, b, m, v) }`);
  const batches = stream(floats([2, 2], [1, 1, 3, 1]), floats([1, 2], [8, 4]));

  it('takes mean and variance of all samples', async () => {
    const { weights, norms } = await reestimateNorms(model, batches, { share: 1 });
    expect([...weights.get('m')!.toFloats()]).toEqual([4, 2]);
    expect(weights.get('v')!.toFloats()[0]).toBeCloseTo((1 + 9 + 64) / 3 - 16, 5);
    expect(weights.get('v')!.toFloats()[1]).toBeCloseTo(2, 5);
    const [{ output, mean, moved, widened }] = norms as [(typeof norms)[0]];
    expect([output, mean]).toEqual(['y', 'm']);
    expect(moved).toBeCloseTo(Math.sqrt((16 + 1 / 4) / 2), 4);
    expect(widened).toBeCloseTo(((8.667 / 1) * (2 / 4)) ** 0.25, 3);
  });

  it('mixes them with those of before, and takes no variance for next to nothing', async () => {
    const { weights } = await reestimateNorms(model, batches, { share: 0.25 });
    expect([...weights.get('m')!.toFloats()]).toEqual([1, 1.25]);
    const still = stream(floats([2, 2], [7, 1, 7, 3]));
    const { weights: least } = await reestimateNorms(model, still, { share: 1 });
    expect(least.get('v')!.toFloats()[0]).toBeCloseTo(0.01, 6);
  });

  it.each([9, 15, 18])(
    'makes every normalization fit what those before it give, from operator set %d',
    async (opset) => {
      const deep = graphOf(
        `f (float[n,2,3] x) => (float[n,2,3] y)
       <float[2] s = {1.5,2}, float[2] b = {0.5,-1}, float[2] m = {0,1}, float[2] v = {1,4}, float[2] t = {1,3},
        float[2,2,1] w = {1,0.5,-1,2}>
       { h = BatchNormalization(x, s, b, m, v) r = Relu(h) c = Conv(r, w) y = BatchNormalization(c, t, b, m, v) }`,
        opset,
      );
      const own = withOwnStatistics(deep);
      const samples = [randomFloats([40, 2, 3], 1, 3), randomFloats([40, 2, 3], 2, 3)];
      const { weights } = await reestimateNorms(own, stream(...samples), { share: 1, oneByOne: true });
      // In one run each normalization takes what those before it give with the statistics of the batch.
      const once = await reestimateNorms(own, stream(...samples), { share: 1 });
      for (const [name, tensor] of once.weights)
        for (const [c, value] of tensor.toFloats().entries())
          expect(Math.abs(value / weights.get(name)!.toFloats()[c]! - 1)).toBeLessThan(0.1);
      const adapted = withWeights(own, weights);
      expect(adapted.opset).toBe(opset);
      const values = (await Promise.all(samples.map((x) => outputOf(adapted, x)))).flat();
      for (const [channel, deviation, mean] of [
        [0, 1, 0.5],
        [1, 3, -1],
      ] as const) {
        const own = values.filter((_, at) => Math.floor(at / 3) % 2 === channel);
        const found = own.reduce((sum, value) => sum + value, 0) / own.length;
        const squares = own.reduce((sum, value) => sum + (value - found) ** 2, 0) / own.length;
        expect(found).toBeCloseTo(mean, 4);
        expect(Math.sqrt(squares)).toBeCloseTo(deviation, 2);
      }
    },
  );

  it('finds none where statistics are not constants', async () => {
    const batch = graphOf(`${NORM} { y, p, q = BatchNormalization<training_mode = 1>(x, s, b, m, v) }`);
    expect((await reestimateNorms(batch, batches, { share: 1 })).norms).toEqual([]);
  });
});

async function outputOf(model: Model, x: ReturnType<typeof floats>): Promise<number[]> {
  const { y } = await Session.runOnce(encodeModel(model), { x }, { threads: 1 });
  return [...(y!.data as Float32Array)];
}
