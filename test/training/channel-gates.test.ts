import { describe, expect, it } from 'vitest';
import { exampleInputs } from '../../src/analysis/example-inputs.js';
import { Tensor } from '../../src/ir/tensor.js';
import { readModel } from '../../src/onnx/read.js';
import { parseModel } from '../../src/onnx/text.js';
import { removeChannels } from '../../src/passes/prune/remove-channels.js';
import { withGates } from '../../src/training/channel-gates.js';
import { outputsOf } from '../passes/cleanup/same-outputs.js';
import { difference } from '../passes/onnx-testdata.js';
import { modelWithWeights } from '../passes/prune/model-with-weights.js';
import { everyThird, type Prunable, prunable } from '../passes/prune/oracle.js';

/** How far the outputs of a model whose gates are shut are from those of the model without the channels behind them. */
async function gapOf(part: Prunable): Promise<number> {
  const { model, found } = part;
  const feeds = exampleInputs(model);
  let gap = 0;
  for (const removed of everyThird(part)) {
    const [[group, channels]] = [...removed] as [[(typeof found.groups)[number], ReadonlySet<number>]];
    const { model: gated, gates } = withGates(model, found.groups, found.facts);
    const { name } = gates.get(group)!;
    const values = Array.from({ length: group.size }, (_, channel) => Number(!channels.has(channel)));
    gated.graph.initializers.set(name, Tensor.from(name, 'float32', [group.size], values));
    const [shut, without] = [
      await outputsOf(gated, feeds),
      await outputsOf(await removeChannels(model, found, removed), feeds),
    ];
    for (const [output, value] of Object.entries(without)) gap = Math.max(gap, difference(shut[output], value));
  }
  return gap;
}

const NETWORKS = {
  'residual blocks and concatenations': `
    net (float[2, 3, 6, 6] x, float[6, 3, 3, 3] a, float[6, 6, 1, 1] b, float[4, 6, 1, 1] c, float[5, 10, 1, 1] d,
      float[2, 45] e) => (float[2, 2] y)
    { f = Conv (x, a) g = Relu (f) h = Conv (g, b) i = Add (g, h) j = Conv (i, c) k = Concat <axis = 1> (i, j)
      l = Conv (k, d) m = MaxPool <kernel_shape = [2, 2], strides = [1, 1]> (l) n = Flatten (m)
      y = Gemm <transB = 1> (n, e) }`,
  'recurrent layers': `
    net (float[5, 1, 3] x, float[2, 16, 3] w, float[2, 16, 4] r, float[2, 32] b, float[1, 12, 8] w2, float[1, 12, 4] r2,
      float[4, 2] v) => (float[1, 1, 2] y)
    { h = LSTM <hidden_size = 4, direction = "bidirectional"> (x, w, r, b) t = Transpose <perm = [0, 2, 1, 3]> (h)
      s = Constant <value = int64[3] {5, 1, 8}> () c = Reshape (t, s) g, last = GRU <hidden_size = 4> (c, w2, r2)
      y = MatMul (last, v) }`,
};

describe('gates that are shut', () => {
  for (const [name, text] of Object.entries(NETWORKS))
    it(`give what is left without the channels: ${name}`, async () => {
      const part = await prunable(modelWithWeights(`<ir_version: 8, opset_import: ["" : 17]> ${text}`));
      expect(part.found.groups.length).toBeGreaterThan(1);
      expect(await gapOf(part)).toBeLessThan(1e-5);
    });

  for (const name of ['digits-dscnn', 'banking-textcnn'])
    it(`give what is left without the channels: ${name}`, async () => {
      expect(await gapOf(await prunable(readModel(`fixtures/${name}/model.onnx`)))).toBeLessThan(1e-4);
    });
});

describe('gates', () => {
  it('are not there for what does not compute in float32', async () => {
    const text = `<ir_version: 8, opset_import: ["" : 17]>
      net (float16[1, 2] x) => (float16[1, 1] y) <float16[2, 3] v = {1, 2, 3, 4, 5, 6}, float16[3, 1] w = {1, 2, 3}>
      { h = MatMul (x, v) [head] y = MatMul (h, w) }`;
    const { model, found } = await prunable(parseModel(text));
    expect(() => withGates(model, found.groups, found.facts)).toThrow('computes in float16 at head (MatMul)');
  });
});
