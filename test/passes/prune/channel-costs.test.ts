import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureCost } from '../../../src/analysis/cost.js';
import { readModel } from '../../../src/onnx/read.js';
import { parseModel } from '../../../src/onnx/text.js';
import { ChannelCosts } from '../../../src/passes/prune/channel-costs.js';
import { removeChannels } from '../../../src/passes/prune/remove-channels.js';
import { prunable } from './oracle.js';

describe('ChannelCosts', () => {
  for (const name of ['fashion-mobilenet', 'banking-textcnn', 'digits-m5'])
    it(`tells what a pruned model costs: ${name}`, async () => {
      const { model, found } = await prunable(readModel(`fixtures/${name}/model.onnx`));
      const costs = new ChannelCosts(model, found.groups, (await measureCost(model)).values);
      const widths = fc.tuple(...found.groups.map(({ size }) => fc.integer({ min: 1, max: size })));
      await fc.assert(
        fc.asyncProperty(widths, async (left) => {
          const removed = found.groups.map((group, k) => {
            const gone = Array.from({ length: group.size - left[k]! }, (_, channel) => channel);
            return [group, new Set(gone)] as const;
          });
          const { macs, parameters } = await measureCost(await removeChannels(model, found, new Map(removed)));
          const { around, ...cost } = { around: costs.around(0, left), ...costs.at(left) };
          expect(cost).toMatchObject({ macs, parameters });
          const wider = left.with(0, found.groups[0]!.size);
          expect(costs.at(wider).macs - macs).toBeCloseTo(costs.around(0, wider).macs - around.macs, 3);
        }),
        { numRuns: 4 },
      );
    });

  it('knows sizes that only show when a model is run', async () => {
    const { model, found } = await prunable(
      parseModel(`<ir_version: 8, opset_import: ["": 17]> f (float[4, 2] x) => (float[n, 1] y)
        <bool[4] some = {1, 0, 1, 1}, float[2, 3] v = {1, 2, 3, 4, 5, 6}, float[3, 1] w = {1, 2, 3}>
        { c = Compress <axis = 0> (x, some) h = MatMul (c, v) r = Relu (h) y = MatMul (r, w) }`),
    );
    const costs = new ChannelCosts(model, found.groups, (await measureCost(model)).values);
    expect([costs.at([3]).macs, costs.at([1]).macs]).toEqual([3 * (2 * 3 + 3), 3 * (2 + 1)]);
  });
});
