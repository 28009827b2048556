import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/ir/model.js';
import { elementCount, type NamedValues } from '../../../src/ir/types.js';
import { parseModel } from '../../../src/onnx/text.js';
import { type RefitOptions, refit } from '../../../src/passes/prune/refit.js';
import { affectedBy } from '../../../src/passes/prune/refit-layers.js';
import { leftIndices, type RemovedChannels, removeChannels } from '../../../src/passes/prune/remove-channels.js';
import { seededRandom } from '../../../src/random.js';
import { outputsOf } from '../cleanup/same-outputs.js';
import { difference } from '../onnx-testdata.js';
import { modelWithWeights } from './model-with-weights.js';
import { prunable } from './oracle.js';

/** Seeded batches of x. */
function batchesOf(dims: readonly number[], count = 4, type: 'float32' | 'float16' = 'float32') {
  return async function* (): AsyncGenerator<NamedValues> {
    const random = seededRandom(7);
    for (let k = 0; k < count; k++) {
      const values = Float32Array.from({ length: elementCount(dims) }, () => 2 * random() - 1);
      // Bit patterns of halves between 0.5 and 1.
      const halves = Uint16Array.from(values, (value) => 0x3800 + Math.floor(Math.abs(value) * 0x3ff));
      yield { x: { type, dims, data: type === 'float32' ? values : halves } };
    }
  };
}

/** Removes channels of the first groups, fits what that touches, and tells how far the outputs are off. */
async function pruned(original: Model, channels: readonly number[], options: RefitOptions, groups = 1) {
  const { model, found } = await prunable(original);
  const removed: RemovedChannels = new Map(found.groups.slice(0, groups).map((group) => [group, new Set(channels)]));
  const smaller = await removeChannels(model, found, removed);
  const result = await refit(model, smaller, affectedBy(smaller, removed), leftIndices(removed), options);
  const gaps: number[] = [];
  for await (const feeds of options.batches()) {
    const [wanted, now] = [await outputsOf(model, feeds), await outputsOf(smaller, feeds)];
    gaps.push(...Object.keys(wanted).map((name) => difference(now[name], wanted[name]!)));
  }
  return { smaller, result, gap: Math.max(...gaps) };
}

const numbersOf = (model: Model, name: string) => [...model.graph.initializers.get(name)!.toNumbers()];

// The third hidden channel is the sum of the first two, the fourth is always 1.
const DEPENDENT = `
  <ir_version: 8, opset_import: ["" : 17]>
  two (float[N, 2] x) => (float[N, 2] y)
  <float[2, 4] v = {1, 0, 1, 0, 0, 1, 1, 0}, float[4] b = {0, 0, 0, 1}, float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8},
   float[2] c = {0, 0.5}>
  { m = MatMul (x, v) h = Add (m, b) n = MatMul (h, w) y = Add (n, c) }`;

describe('refit', () => {
  it('takes what removed channels gave from those that are left, and from the bias', async () => {
    const options = { batches: batchesOf([5, 2]), ridge: 1e-9 };
    const { smaller, result, gap } = await pruned(parseModel(DEPENDENT), [2, 3], options);
    expect(gap).toBeLessThan(1e-5);
    const rounded = (name: string) => numbersOf(smaller, name).map((value) => Math.round(value * 1e4) / 1e4);
    expect([rounded('w'), rounded('c')]).toEqual([
      [6, 8, 8, 10],
      [7, 8.5],
    ]);
    expect(result.left).toEqual([]);
    expect(result.fitted).toEqual([{ node: 'n', before: expect.any(Number), after: expect.closeTo(0, 6) }]);
    expect(result.fitted[0]!.before).toBeGreaterThan(0.5);
  });

  it('keeps weights that are right', async () => {
    const text = `
      <ir_version: 8, opset_import: ["" : 17]>
      net (float[2, 3, 6, 6] x, float[4, 3, 3, 3] w0, float[4] b0, float[4, 2, 3, 3] w1, float[5, 64] w2, float[5] b2)
      => (float[2, 5] y) {
        h = Conv <pads = [1, 1, 1, 1]> (x, w0, b0) r = Relu (h)
        c = Conv <pads = [1, 1, 1, 1], group = 2> (r, w1) s = Add (c, r) p = MaxPool <kernel_shape = [3, 3]> (s)
        f = Flatten (s) q = Slice (f, from, to, one) y = Gemm <transB = 1> (q, w2, b2) }`;
    const withBounds = text.replace('{\n', '<int64[1] from = {0}, int64[1] to = {64}, int64[1] one = {1}> {\n');
    const { model } = await prunable(modelWithWeights(withBounds));
    await fc.assert(
      fc.asyncProperty(fc.subarray(['w0', 'w1', 'w2'], { minLength: 1 }), async (weights) => {
        const same = model.clone();
        const { fitted } = await refit(
          model,
          same,
          { weights: new Set(weights), values: new Set<string>() },
          new Map(),
          { batches: batchesOf([2, 3, 6, 6]) },
        );
        expect(fitted.map(({ before, after }) => [before, after])).toEqual(weights.map(() => [0, 0]));
        for (const [name, tensor] of model.graph.initializers)
          expect(numbersOf(same, name)).toEqual([...tensor.toNumbers()]);
      }),
      { numRuns: 4 },
    );
  });

  // Of four channels of h the last two are the first two again; s adds the shortcut, normalized.
  const BLOCK = `
    <ir_version: 8, opset_import: ["" : 17]>
    block (float[N, 2, 5, 5] x) => (float[N, 2, 5, 5] y)
    <float[4, 2, 1, 1] v = {1, -1, 0.5, 1, 1, -1, 0.5, 1}, float[2, 4, 1, 1] w = {1, 2, 3, 4, -1, 1, 2, 1},
     float[2] scale = {2, 0.5}, float[2] shift = {1, 0}, float[2] mean = {0, 1}, float[2] variance = {1, 4}>
    { h = Conv (x, v) r = Relu (h) c = Conv (r, w)
      n = BatchNormalization <epsilon = 0.0> (c, scale, shift, mean, variance) y = Add (x, n) }`;

  it('fits the sum that a layer goes into, by way of its batch normalization', async () => {
    const options = { batches: batchesOf([3, 2, 5, 5]), ridge: 1e-9 };
    const { smaller, gap } = await pruned(parseModel(BLOCK), [2, 3], options);
    expect(gap).toBeLessThan(1e-4);
    expect(numbersOf(smaller, 'w').map((value) => Math.round(value * 1e3) / 1e3)).toEqual([4, 6, 1, 2]);
  });

  it('gives a layer without a bias one', async () => {
    const text = BLOCK.replace('h = Conv (x, v)', 'g = Conv (x, v) h = Add (g, one)').replace(
      'float[2] scale',
      'float[4, 1, 1] one = {9, 9, 18, 18}, float[2] scale',
    );
    const options = { batches: batchesOf([3, 2, 5, 5]), ridge: 1e-9 };
    const { smaller } = await pruned(parseModel(text), [2, 3], options);
    const bias = smaller.graph.nodes.find(({ outputs }) => outputs[0] === 'c')!.inputs[2]!;
    // The channels that are gone gave 9 · (3 + 4) and 9 · (2 + 1) more than those that they are like.
    expect(numbersOf(smaller, bias)).toEqual([expect.closeTo(63, 1), expect.closeTo(27, 1)]);
  });

  it('fits what a recurrent layer makes of its input and its states', async () => {
    // Of four units the last two do what the first two do, in both directions.
    const twice = (...rows: number[][]) => [...rows, ...rows].flat();
    const gates = [0, 1, 2].flatMap((gate) => twice([0.5 - gate, 1], [1, gate / 2]));
    const states = [1, 2, 3].flatMap((gate) => twice([0.3, -gate / 4, 0.1, 0.5], [0.2, 0.4, -0.5, gate / 5]));
    const text = `
      <ir_version: 8, opset_import: ["" : 17]>
      net (float[5, N, 2] x) => (float[N, 3] z)
      <float[2, 12, 2] w = {${[...gates, ...gates.map((value) => -value)]}},
       float[2, 12, 4] r = {${[...states, ...states.map((value) => value / 2)]}},
       int64[2] shape = {-1, 8}, float[8, 3] v = {${Array.from({ length: 24 }, (_, k) => (k % 5) - 2)}}>
      { y, h = GRU <hidden_size = 4, direction = "bidirectional", linear_before_reset = 1> (x, w, r)
        t = Transpose <perm = [1, 0, 2]> (h) f = Reshape (t, shape) z = MatMul (f, v) }`;
    const { result, gap } = await pruned(parseModel(text), [2, 3], { batches: batchesOf([5, 3, 2]), ridge: 1e-9 });
    expect(result.fitted.map(({ node }) => node)).toEqual(['y', 'z']);
    expect(gap).toBeLessThan(1e-3);
  });

  it('works on halves and old operator sets', async () => {
    const text = DEPENDENT.replace('17', '9').replaceAll('float[N', 'float16[N');
    const cast = text
      .replace('m = MatMul (x, v)', 'k = Cast <to = 1> (x) m = MatMul (k, v)')
      .replace('y = Add (n, c)', 'z = Add (n, c) y = Cast <to = 10> (z)');
    const { gap } = await pruned(parseModel(cast), [2, 3], { batches: batchesOf([5, 2], 4, 'float16'), ridge: 1e-9 });
    expect(gap).toBeLessThan(0.02);
  });

  it('says what it cannot fit', async () => {
    const shared = DEPENDENT.replace('n = MatMul (h, w)', 'i = MatMul (h, w) j = MatMul (m, w) n = Add (i, j)');
    const { result } = await pruned(parseModel(shared), [2], { batches: batchesOf([5, 2]) });
    expect(result).toEqual({
      fitted: [],
      left: ['i', 'j'].map((node) => ({ node, reason: 'it shares its weights with others' })),
    });
  });

  it('leaves a layer as it is where something is not finite', async () => {
    const infinite = DEPENDENT.replace('h = Add (m, b)', 'l = Log (m) h = Add (l, b)');
    const { result } = await pruned(parseModel(infinite), [2], { batches: batchesOf([5, 2]) });
    expect(result.left).toEqual([{ node: 'n', reason: 'its values on the calibration data are not finite' }]);
  });

  it('can be stopped', async () => {
    const signal = AbortSignal.abort();
    await expect(pruned(parseModel(DEPENDENT), [2], { batches: batchesOf([5, 2]), signal })).rejects.toThrow('abort');
  });

  it('goes on from values that were kept, sizes among them', async () => {
    const random = seededRandom(5);
    const values = (count: number) => Array.from({ length: count }, () => (2 * random() - 1).toFixed(3)).join(', ');
    const original = parseModel(`<ir_version: 8, opset_import: ["" : 18]>
      enlarged (float[N, 1, 4, 4] x) => (float[N, 2, 8, 8] y)
      <float[6, 1, 3, 3] u = {${values(54)}}, float[6, 6, 3, 3] v = {${values(324)}}, float[6, 6, 3, 3] w = {${values(324)}},
       float[2, 6, 1, 1] z = {${values(12)}}, int64[2] size = {8, 8}>
      { a = Conv <pads = [1, 1, 1, 1]> (x, u) b = Relu (a)
        c = Conv <pads = [1, 1, 1, 1]> (b, v) d = Relu (c)
        e = Conv <pads = [1, 1, 1, 1]> (d, w) f = Relu (e)
        rows = Shape <start = 0, end = 2> (b) sizes = Concat <axis = 0> (rows, size)
        g = Resize <mode = "linear"> (f, , , sizes) y = Conv (g, z) }`);
    const options = { batches: batchesOf([2, 1, 4, 4]), ridge: 0.01 };
    const { result } = await pruned(original, [1, 4], options, 3);
    expect(result.fitted.map(({ before, after }) => after < before)).toEqual([true, true, true]);
  });
});
