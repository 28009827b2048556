import type { ChannelGroup, ChannelGroups, ChannelMember } from '../../analysis/channel-groups.js';
import { inferValueTypes, type ValueFacts } from '../../analysis/value-types.js';
import { messageOf } from '../../errors.js';
import type { Dim } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import { takeIndices } from '../../ir/slices.js';
import { encodeModel } from '../../onnx/write.js';
import type { Fraction } from '../../ops/channels/site.js';
import { channelRow } from '../../ops/channels/table.js';
import { Session } from '../../runtime/session.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { type LeftFractions, type LeftIndices, ResizedNode, shapeLeft } from './resized-node.js';

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
  const [left, fractions] = [leftIndices(removed), leftFractions(removed)];
  const smaller = model.clone();
  const { graph } = smaller;
  for (const [name, axes] of left) {
    graph.valueInfos.delete(name);
    let tensor = graph.initializers.get(name);
    for (const [axis, indices] of tensor ? axes : []) tensor = takeIndices(tensor!, axis, indices);
    if (tensor) graph.initializers.set(name, tensor);
  }
  const before = (value: string) => found.facts.get(value)?.dims;
  for (const node of [...graph.nodes])
    if ([...node.inputs, ...node.outputs].some((value) => left.has(value) || fractions.has(value)))
      channelRow(node.type)?.resize?.(new ResizedNode(smaller, node, before, left, fractions));
  graph.sort();
  removeDeadNodes.run(smaller);
  await checkShapes(smaller, found.facts, left);
  return smaller;
}

/** The indices that are left of axes. @throws RangeError where nothing would be left of a group */
export function leftIndices(removed: RemovedChannels): LeftIndices {
  return byAxis(removed, (member, channels, before: Int32Array | undefined) => {
    const gone = new Uint8Array(member.size);
    for (const channel of channels) for (const index of indicesOf(member, channel)) gone[index] = 1;
    const others = before ?? Int32Array.from({ length: member.size }, (_, index) => index);
    return member.isCyclic ? undefined : others.filter((index) => !gone[index]);
  });
}

function leftFractions(removed: RemovedChannels): LeftFractions {
  return byAxis(removed, ({ size, perChannel, isCyclic }, channels, [left]: Fraction = [size, size]) =>
    isCyclic ? [left - channels.size * perChannel, size] : undefined,
  );
}

/** The indices of a channel on an axis. */
function indicesOf({ indices, perChannel }: ChannelMember, channel: number): Int32Array {
  return indices.subarray(channel * perChannel, (channel + 1) * perChannel);
}

/** Goes through all axes of groups that lose channels; an axis of several groups is told what the first ones left. */
function byAxis<Left>(
  removed: RemovedChannels,
  leave: (member: ChannelMember, channels: ReadonlySet<number>, before: Left | undefined) => Left | undefined,
): Map<string, Map<number, Left>> {
  const left = new Map<string, Map<number, Left>>();
  for (const [group, channels] of removed) {
    if (!channels.size) continue;
    if (channels.size >= group.size) throw new RangeError(`${group.name}: one channel has to stay`);
    for (const member of group.members) {
      const axes = left.get(member.value) ?? new Map<number, Left>();
      const now = leave(member, channels, axes.get(member.axis));
      if (now !== undefined) left.set(member.value, axes.set(member.axis, now));
    }
  }
  return left;
}

async function checkShapes(model: Model, before: ReadonlyMap<string, ValueFacts>, left: LeftIndices): Promise<void> {
  const after = await inferValueTypes(model);
  for (const node of model.graph.nodes)
    for (const output of node.outputs) {
      const dims = before.get(output)?.dims;
      const now = after.get(output);
      if (!dims || (now && !now.dims)) continue;
      const expected = shapeLeft(dims, left.get(output));
      if (now && now.dims?.length === dims.length && expected.every((dim, axis) => agree(dim, now.dims![axis])))
        continue;
      const reason = await loadingProblem(model);
      const shapes = `${output} is [${now?.dims ?? '?'}], not [${expected}]`;
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
