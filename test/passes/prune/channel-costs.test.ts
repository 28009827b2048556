import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureCost } from '../../../src/analysis/cost.js';
import { exampleShapes } from '../../../src/analysis/example-inputs.js';
import { inferFixedShapes } from '../../../src/analysis/fixed-shapes.js';
import { readModel } from '../../../src/onnx/read.js';
import { ChannelCosts } from '../../../src/passes/prune/channel-costs.js';
import { removeChannels } from '../../../src/passes/prune/remove-channels.js';
import { prunable } from './oracle.js';

describe('ChannelCosts', () => {
  for (const name of ['fashion-mobilenet', 'banking-textcnn', 'digits-m5'])
    it(`tells what a pruned model costs: ${name}`, async () => {
      const { model, found } = await prunable(readModel(`fixtures/${name}/model.onnx`));
      const facts = await inferFixedShapes(model, exampleShapes(model));
      const costs = new ChannelCosts(model, found.groups, facts);
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
});
