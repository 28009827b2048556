import { describe, expect, it } from 'vitest';
import { readModel } from '../../../src/onnx/read.js';
import { parseModel } from '../../../src/onnx/text.js';
import { removeChannels } from '../../../src/passes/prune/remove-channels.js';
import { everyThird, oracleGap, prunable } from './oracle.js';

const TWO_LAYERS = `
  <ir_version: 8, opset_import: ["" : 17]>
  two (float[1, 2] x) => (float[1, 2] y)
  <float[2, 3] v = {1, 2, 3, 4, 5, 6}, float[3] b = {10, 20, 30}, float[3, 2] w = {1, 0, 0, 1, 1, 1}>
  { m = MatMul (x, v) h = Add (m, b) y = MatMul (h, w) }`;

describe('removing channels', () => {
  it('slices the weights on both sides of a hidden layer, and its bias', async () => {
    const { model, found } = await prunable(parseModel(TWO_LAYERS));
    const pruned = await removeChannels(model, found, new Map([[found.groups[0]!, new Set([1])]]));
    const numbers = (name: string) => [...pruned.graph.initializers.get(name)!.toNumbers()];
    expect(pruned.graph.initializers.get('v')!.dims).toEqual([2, 2]);
    expect([numbers('v'), numbers('b'), numbers('w')]).toEqual([
      [1, 3, 4, 6],
      [10, 30],
      [1, 0, 1, 1],
    ]);
  });

  it('leaves one channel at least', async () => {
    const { model, found } = await prunable(parseModel(TWO_LAYERS));
    const all = new Map([[found.groups[0]!, new Set([0, 1, 2])]]);
    await expect(removeChannels(model, found, all)).rejects.toThrow('one channel has to stay');
  });

  for (const name of ['digits-m5', 'banking-textcnn', 'digits-dscnn', 'fashion-mobilenet'])
    it(`gives what zeroed channels give: ${name}`, async () => {
      const part = await prunable(readModel(`fixtures/${name}/model.onnx`));
      for (const removed of everyThird(part)) expect(await oracleGap(part, removed)).toBeLessThan(1e-4);
    });
});
