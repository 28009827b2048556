import type { ChannelConsumer, ChannelGroup } from '../../../analysis/channel-groups.js';
import { Emitter } from '../../../ir/emitter.js';
import { Model } from '../../../ir/model.js';
import { Tensor } from '../../../ir/tensor.js';
import { Session } from '../../../runtime/session.js';
import { withLoadable } from '../../../runtime/source.js';
import { RIDGE } from '../ridge.js';
import { SumsThread } from '../sums-thread.js';
import { channelsFirst, takenModel, widthOf } from '../taken-model.js';
import type { Criterion } from './criterion.js';

/**
 * What the layers that take a channel lose with it once their weights are fitted anew, as a share of the variance of what
 * they go into. Channels go one after the other, so that of two that say the same one is worth nothing and the other all.
 * The taps of a kernel count as outputs of one regression over channels: with whole windows, which cost the cube of the
 * taps more, much the same is chosen. A group has no importance where no layer takes it, or values are not finite.
 */
export const reconstruction: Criterion = {
  description: 'what layers lose with a channel once the others make up for it, on the calibration samples',
  isAbsolute: true,
  async measure(site) {
    const { groups } = site.found;
    const { model, taken } = await takenModel(site.model, groups, site.batches, { targets: true });
    const grams = await weightGrams(site.model, groups);
    const thread = new SumsThread();
    try {
      return await thread.collect(model, site, async () => {
        const losses = new Map<ChannelGroup, Float64Array>();
        for (const [place, group] of groups.entries()) {
          site.signal?.throwIfAborted();
          const known = group.consumers.filter((consumer) => taken.has(consumer));
          const consumers = known.map((consumer) => ({ ...taken.get(consumer)!, gram: grams.get(consumer)! }));
          const found = await thread.call('eliminate', consumers, { channels: group.size, ridge: RIDGE });
          if (found && consumers.length) losses.set(group, found);
          site.onProgress?.(place + 1, groups.length);
        }
        return losses;
      });
    } finally {
      await thread.close();
    }
  },
};

/** For each consumer, the products of its weights with one another: Wᵀ·W. Without weights, it takes what it gets. */
async function weightGrams(
  original: Model,
  groups: readonly ChannelGroup[],
): Promise<Map<ChannelConsumer, Float32Array>> {
  const model = new Model();
  model.opsets.set('', 17);
  model.irVersion = 8n;
  const g = new Emitter(model, 'gram');
  const grams = new Map<ChannelConsumer, Float32Array>();
  const names = new Map<ChannelConsumer, string>();
  for (const group of groups)
    for (const consumer of group.consumers) {
      const { weight } = consumer;
      const size = group.size * widthOf(group, consumer);
      const tensor = weight?.isConstant ? original.constant(weight.value) : undefined;
      if (!tensor || !weight) grams.set(consumer, unit(size));
      else {
        const value = g.constant(Tensor.from('weight', 'float32', tensor.dims, tensor.toFloats()));
        const rows = g.reshape(channelsFirst(g, value, tensor.dims.length, weight), [size, -1]);
        names.set(consumer, g.op('Gemm', [rows, rows], { transB: 1 }));
      }
    }
  model.graph.outputs = [...names.values()].map((name) => ({ name, type: { kind: 'tensor', elem: 'float32' } }));
  const results = names.size ? await runOnce(model) : {};
  for (const [consumer, name] of names) grams.set(consumer, results[name]!.data as Float32Array);
  return grams;
}

const runOnce = (model: Model) =>
  withLoadable([model], ([source]) => Session.runOnce(source!, {}, { optimization: 'disabled' }));

function unit(size: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < size; i++) matrix[i * (size + 1)] = 1;
  return matrix;
}
