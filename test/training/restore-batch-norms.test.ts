import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/model.js';
import { Tensor } from '../../src/ir/tensor.js';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { trainBatchNorms } from '../../src/training/batch-norm.js';
import type { FoldedLayer } from '../../src/training/folded-layers.js';
import { foldNorms, restoreBatchNorms } from '../../src/training/restore-batch-norms.js';
import { withWeights } from '../../src/training/weights.js';
import { floats, graphOf, randomFloats } from '../ops/gradients/check-gradient.js';

const numbers = (size: number, seed: number) =>
  Array.from(randomFloats([size], seed).data as Float32Array, (value) => value.toFixed(4)).join();

/** A grouped and a plain convolution of one axis, with a residual sum, and a dense layer. */
const NET = `f (float[n,2,9] x) => (float[n,3] y)
  <float[4,1,3] k = {${numbers(12, 1)}}, float[4] b = {${numbers(4, 2)}}, float[4,4,1] l = {${numbers(16, 3)}},
   float[4] c = {${numbers(4, 4)}}, float[4,3] w = {${numbers(12, 5)}}>
  { h = Conv<group = 2>(x, k, b) r = Relu(h) q = Conv(r, l, c) s = Add(q, r)
    p = GlobalAveragePool(s) g = Flatten(p) y = MatMul(g, w) }`;

const batches = [randomFloats([6, 2, 9], 8, 2), randomFloats([3, 2, 9], 9)].map((x) => ({ feeds: { x } }));
const restore = (model: Model, isTrained = (_: FoldedLayer) => true) =>
  restoreBatchNorms(
    model,
    isTrained,
    (async function* () {
      yield* batches;
    })(),
    {},
  );

async function outputOf(model: Model, feeds: NamedValues, name = 'y'): Promise<number[]> {
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const results = await session.run(feeds);
  await session.release();
  return Array.from(results[name]!.data as Float32Array);
}

function expectClose(found: readonly number[], wanted: readonly number[]) {
  expect(found).toHaveLength(wanted.length);
  for (const [k, value] of found.entries()) expect(value).toBeCloseTo(wanted[k]!, 4);
}

describe('restoreBatchNorms', () => {
  it.each([13, 18, 21])('leaves the function as it was, from operator set %d', async (opset) => {
    const model = graphOf(NET, opset);
    const { model: restored, norms } = await restore(model);
    expect(norms.map(({ weight, bias }) => [weight, bias])).toEqual([
      ['k', 'b'],
      ['l', 'c'],
    ]);
    const feeds = { x: randomFloats([5, 2, 9], 10) };
    expectClose(await outputOf(restored, feeds), await outputOf(model, feeds));
  });

  it('takes the moments of all batches together', async () => {
    const model = graphOf(
      'f (float[n,1,2] x) => (float[n,1,2] y) <float[1,1,1] k = {1}, float[1] b = {0}> { h = Conv(x, k, b) y = Relu(h) }',
    );
    const samples = [
      [1, 2, 3, 4],
      [10, 20],
    ].map((data) => ({ feeds: { x: floats([data.length / 2, 1, 2], data) } }));
    const stream = (async function* () {
      yield* samples;
    })();
    const { model: restored, norms } = await restoreBatchNorms(model, () => true, stream, {});
    const value = (key: 'mean' | 'variance') => restored.constant(norms[0]![key])!.toFloats()[0];
    expect(value('mean')).toBeCloseTo(40 / 6, 5);
    expect(value('variance')).toBeCloseTo((1 + 4 + 9 + 16 + 100 + 400) / 6 - (40 / 6) ** 2, 4);
  });

  it('normalizes each batch like itself in training form: the loss does not jump', async () => {
    const model = graphOf(NET);
    const { model: restored } = await restore(model);
    const x = {
      x: floats(
        [9, 2, 9],
        batches.flatMap(({ feeds }) => Array.from(feeds.x.data as Float32Array)),
      ),
    };
    const statistics = trainBatchNorms(restored);
    const held = Object.fromEntries(
      statistics.map(({ name, tensor }) => [name, floats(tensor.dims, tensor.toFloats())]),
    );
    expectClose(await outputOf(restored, { ...x, ...held }), await outputOf(model, x));
  });

  it('leaves out what is not trained, has no bias of its own, or is an output', async () => {
    expect((await restore(graphOf(NET), ({ weight }) => weight === 'l')).norms.map(({ weight }) => weight)).toEqual([
      'l',
    ]);
    const without = NET.replace('Conv(r, l, c)', 'Conv(r, l, b)');
    expect((await restore(graphOf(without))).norms).toEqual([]);
    const last =
      'f (float[n,1,2] x) => (float[n,1,2] y) <float[1,1,1] k = {1}, float[1] b = {0}> { y = Conv(x, k, b) }';
    expect((await restore(graphOf(last))).norms).toEqual([]);
  });
});

describe('foldNorms', () => {
  it('gives the function of the trained norms to the model as it came, with the same nodes', async () => {
    const model = graphOf(NET, 13);
    const restored = await restore(model);
    const weights = new Map(
      restored.norms.flatMap(({ weight, scale, shift, mean, variance }) =>
        [weight, scale, shift, mean, variance].map((name, k) => {
          const tensor = restored.model.constant(name)!;
          const noise = randomFloats(tensor.dims, k + 20, 0.2).data as Float32Array;
          const values = tensor
            .toFloats()
            .map((value, i) => (name === variance ? value * (1 + noise[i]! ** 2) : value + noise[i]!));
          return [name, floatTensor(tensor, values)] as const;
        }),
      ),
    );
    const folded = withWeights(model, foldNorms(restored, weights));
    expect(folded.graph.nodes.map(({ type }) => type)).toEqual(model.graph.nodes.map(({ type }) => type));
    expect([...folded.graph.initializers.keys()]).toEqual([...model.graph.initializers.keys()]);
    expect(folded.opset).toBe(13);
    const feeds = { x: randomFloats([5, 2, 9], 11) };
    const trained = withWeights(restored.model, weights);
    expectClose(await outputOf(folded, feeds), await outputOf(trained, feeds));
    expect(await outputOf(folded, feeds)).not.toEqual(await outputOf(model, feeds));
  });
});

function floatTensor({ name, dims }: Tensor, values: Float32Array): Tensor {
  return Tensor.from(name, 'float32', dims, values);
}
