import type { ChannelConsumer } from '../../analysis/channel-groups.js';
import type { Model } from '../../ir/model.js';
import { Tensor } from '../../ir/tensor.js';
import { elementCount } from '../../ir/types.js';
import type { RemovedChannels } from './remove-channels.js';
import { RIDGE } from './ridge.js';
import { type CollectOptions, SumsThread } from './sums-thread.js';
import { takenModel } from './taken-model.js';

/**
 * Has the weights of channels that are left make up for those that go, as far as these follow from those position by
 * position. Few numbers are fitted, each to all positions of the samples: little data is enough, and whoever fits layers
 * anew afterwards (`refit`) starts from the better weights. Biases stay as they are.
 * @returns a copy of the model; the channels are still there, and can be removed
 */
export async function interpolateChannels(
  original: Model,
  removed: RemovedChannels,
  options: CollectOptions,
): Promise<Model> {
  const changed = original.clone();
  const groups = [...removed].flatMap(([group, channels]) => (channels.size ? [group] : []));
  const { consumers } = original.graph.index();
  const { model, taken } = await takenModel(original, groups, options.batches, { targets: false });
  const thread = new SumsThread();
  try {
    await thread.collect(model, options, async () => {
      for (const group of groups) {
        const channels = Array.from({ length: group.size }, (_, channel) => channel);
        const gone = channels.filter((channel) => removed.get(group)!.has(channel));
        const left = channels.filter((channel) => !removed.get(group)!.has(channel));
        for (const consumer of group.consumers) {
          const [names, weights] = [taken.get(consumer), weightsOf(changed, consumer)];
          if (!names || !weights || consumers.get(consumer.weight!.value)!.length > 1) continue;
          const values = await thread.call('interpolate', names, weights, { gone, left, width: names.width }, RIDGE);
          if (values) setWeights(changed, consumer, values);
        }
      }
    });
    return changed;
  } finally {
    await thread.close();
  }
}

function weightsOf(model: Model, { weight }: ChannelConsumer) {
  const tensor = weight?.isConstant ? model.graph.initializers.get(weight.value) : undefined;
  if (!tensor || !weight) return undefined;
  const { size, axis, indices, perChannel } = weight;
  return { values: tensor.toNumbers(), size, block: elementCount(tensor.dims.slice(axis + 1)), indices, perChannel };
}

function setWeights({ graph }: Model, { weight }: ChannelConsumer, values: Float64Array): void {
  const { name, type, dims } = graph.initializers.get(weight!.value)!;
  graph.initializers.set(name, Tensor.from(name, type, dims, values));
}
