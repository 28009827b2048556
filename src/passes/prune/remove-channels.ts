import type { ChannelGroup, ChannelGroups } from '../../analysis/channel-groups.js';
import { inferSymbolicShapes } from '../../analysis/symbolic-shapes.js';
import type { ValueFacts } from '../../analysis/value-types.js';
import { messageOf } from '../../errors.js';
import type { Dim } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import { takeIndices } from '../../ir/slices.js';
import { encodeModel } from '../../onnx/write.js';
import { channelRow } from '../../ops/channels/table.js';
import { Session } from '../../runtime/session.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { type AxisLeft, type LeftIndices, ResizedNode, shapeLeft } from './resized-node.js';

/** Channels to remove, by group and number. */
export type RemovedChannels = ReadonlyMap<ChannelGroup, ReadonlySet<number>>;

/**
 * Removes channels: constants are sliced, and what nodes say of sizes is mended. Names stay.
 * @param found the groups of this very model
 * @returns a new model, whose shapes ONNX Runtime has inferred
 * @throws RangeError where nothing would be left of a group
 * @throws Error naming the node whose shape is not what it should be then
 */
export async function removeChannels(model: Model, found: ChannelGroups, removed: RemovedChannels): Promise<Model> {
  const left = leftIndices(removed);
  const smaller = model.clone();
  const { graph } = smaller;
  for (const [name, axes] of left) {
    graph.valueInfos.delete(name);
    let tensor = graph.initializers.get(name);
    for (const [axis, { indices }] of tensor ? axes : []) tensor = takeIndices(tensor!, axis, indices);
    if (tensor) graph.initializers.set(name, tensor);
  }
  const before = (value: string) => found.facts.get(value)?.dims;
  for (const node of [...graph.nodes])
    if ([...node.inputs, ...node.outputs].some((value) => left.has(value)))
      channelRow(node.type)?.resize?.(new ResizedNode(smaller, node, before, left));
  graph.sort();
  removeDeadNodes.run(smaller);
  await checkShapes(smaller, found.facts, left);
  return smaller;
}

/** @throws RangeError where nothing would be left of a group */
function leftIndices(removed: RemovedChannels): LeftIndices {
  const left = new Map<string, Map<number, AxisLeft>>();
  for (const [group, channels] of removed) {
    if (!channels.size) continue;
    if (channels.size >= group.size) throw new RangeError(`${group.name}: one channel has to stay`);
    for (const { value, axis, size, perChannel, indices } of group.members) {
      const axes = left.get(value) ?? new Map<number, AxisLeft>();
      left.set(value, axes);
      const gone = new Uint8Array(size);
      for (const channel of channels) for (let k = 0; k < perChannel; k++) gone[indices[channel * perChannel + k]!] = 1;
      const others = axes.get(axis)?.indices ?? Int32Array.from({ length: size }, (_, index) => index);
      axes.set(axis, { indices: others.filter((index) => !gone[index]), of: size });
    }
  }
  return left;
}

async function checkShapes(model: Model, before: ReadonlyMap<string, ValueFacts>, left: LeftIndices): Promise<void> {
  const { facts } = await inferSymbolicShapes(model);
  for (const node of model.graph.nodes)
    for (const output of node.outputs) {
      const dims = before.get(output)?.dims;
      if (!dims) continue;
      const expected = shapeLeft(dims, left.get(output));
      const now = facts.get(output)?.dims;
      const fits = now?.length === expected.length && expected.every((dim, axis) => agree(dim, now[axis]));
      if (fits) continue;
      const reason = await loadingProblem(model);
      const shapes = `its output is [${now ?? '?'}], not [${expected}]`;
      throw new Error(`${node.op} ${node.label} does not go without the removed channels: ${reason ?? shapes}`);
    }
}

/** Sizes that are both known must be the same. */
function agree(expected: Dim, now: Dim): boolean {
  return typeof expected !== 'number' || typeof now !== 'number' || expected === now;
}

async function loadingProblem(model: Model): Promise<string | undefined> {
  try {
    await (await Session.create(encodeModel(model), { optimization: 'disabled' })).release();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
