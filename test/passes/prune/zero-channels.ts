import type { ChannelConsumer, ChannelGroups } from '../../../src/analysis/channel-groups.js';
import type { Model } from '../../../src/ir/model.js';
import { Node } from '../../../src/ir/node.js';
import { Tensor } from '../../../src/ir/tensor.js';
import { elementCount } from '../../../src/ir/types.js';
import type { RemovedChannels } from '../../../src/passes/prune/remove-channels.js';

/**
 * Makes channels ineffective without removing them: the weights that their consumers multiply them with become zeros;
 * where a consumer has no weights, what it takes is multiplied by zeros. Such a model gives what one without the channels
 * gives.
 * @param found the groups of this very model
 */
export function zeroChannels(model: Model, found: ChannelGroups, removed: RemovedChannels): Model {
  const zeroed = model.clone();
  for (const [group, channels] of removed)
    for (const consumer of group.consumers) {
      const { weight, data } = consumer;
      const { value, axis, perChannel, indices } = weight?.isConstant ? weight : data;
      const gone = new Set<number>();
      for (const channel of channels) for (let k = 0; k < perChannel; k++) gone.add(indices[channel * perChannel + k]!);
      const tensor = weight?.isConstant && zeroed.graph.initializers.get(value);
      if (tensor) zeroed.graph.initializers.set(value, withZeros(tensor, axis, gone));
      else maskInput(zeroed, consumer, found, gone);
    }
  zeroed.graph.sort();
  return zeroed;
}

/** The tensor with zeros at some indices of an axis. */
function withZeros(tensor: Tensor, axis: number, indices: ReadonlySet<number>): Tensor {
  const values = tensor.values().slice();
  const block = elementCount(tensor.dims.slice(axis + 1));
  for (let row = 0; row < elementCount(tensor.dims.slice(0, axis)); row++)
    for (const index of indices) {
      const begin = (row * tensor.dims[axis]! + index) * block;
      if (values instanceof BigInt64Array || values instanceof BigUint64Array) values.fill(0n, begin, begin + block);
      else values.fill(0, begin, begin + block);
    }
  return Tensor.of(tensor.name, tensor.type, tensor.dims, values);
}

/** Has a node take a value times a constant of ones, and of zeros where channels are gone. */
function maskInput(
  model: Model,
  { node, data }: ChannelConsumer,
  found: ChannelGroups,
  gone: ReadonlySet<number>,
): void {
  const { type, dims } = found.facts.get(data.value)!;
  const ones = Array.from({ length: data.size }, (_, index) => (gone.has(index) ? 0 : 1));
  const shape = [data.size, ...dims!.slice(data.axis + 1).map(() => 1)];
  const mask = model.addInitializer(Tensor.from(`${data.value}_mask`, type, shape, ones));
  const output = model.freshName(`${data.value}_masked`);
  const own = model.graph.nodes.find((other) => other.outputs.includes(node.outputs.find(Boolean)!))!;
  own.inputs = own.inputs.map((input) => (input === data.value ? output : input));
  model.graph.nodes.push(new Node({ op: 'Mul', name: output, inputs: [data.value, mask], outputs: [output] }));
}
