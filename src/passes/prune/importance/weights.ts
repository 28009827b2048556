import type { ChannelGroup, ChannelMember } from '../../../analysis/channel-groups.js';
import type { Model } from '../../../ir/model.js';
import { elementCount } from '../../../ir/types.js';
import { seededRandom } from '../../../random.js';
import { added, type Criterion, perChannel } from './criterion.js';

/** The weights that make channels, and those that channels are multiplied with. */
function weightsOf({ producers, consumers }: ChannelGroup): ChannelMember[] {
  const members = [...producers, ...consumers].flatMap(({ weight }) => (weight?.isConstant ? [weight] : []));
  return [...new Set(members)];
}

/** Sums a function of a constant's elements over all axes but one, for each channel there. */
function sumsOver(model: Model, member: ChannelMember, of: (value: number) => number): Float64Array {
  const { dims } = model.constant(member.value)!;
  const values = model.constant(member.value)!.toNumbers();
  const block = elementCount(dims.slice(member.axis + 1));
  const sums = new Float64Array(member.size);
  for (let k = 0; k < values.length; k++) sums[Math.floor(k / block) % member.size]! += of(values[k]!);
  return perChannel(member, sums);
}

/** A norm of all weights of a channel (Fang et al. 2023, "DepGraph", group-level importance). */
const norm = (description: string, of: (value: number) => number, root: (sum: number) => number): Criterion => ({
  description,
  measure: ({ model, found }) =>
    new Map(
      found.groups.map((group) => {
        const sums = weightsOf(group).map((member) => sumsOver(model, member, of));
        return [group, added(sums, group.size).map(root)];
      }),
    ),
});

export const l1 = norm('absolute values of the weights that make a channel and that take it', Math.abs, (sum) => sum);
export const l2 = norm('root of the squares of these weights', (value) => value * value, Math.sqrt);

/** Factors of batch normalizations (Liu et al. 2017, "Network Slimming"); norms of weights where there are none. */
export const batchNorm: Criterion = {
  description: 'factors of the batch normalizations of a channel; the l2 criterion where it has none',
  async measure(site) {
    const { model, found } = site;
    const scales = new Set(
      model.graph.nodes.flatMap(({ type, inputs }) => (type === 'BatchNormalization' ? [inputs[1]!] : [])),
    );
    const weights = await l2.measure(site);
    return new Map(
      found.groups.map((group) => {
        const factors = group.members.filter(({ value, isConstant }) => isConstant && scales.has(value));
        const sums = factors.map((member) => sumsOver(model, member, Math.abs));
        return [group, factors.length ? added(sums, group.size) : weights.get(group)!];
      }),
    );
  },
};

export const random: Criterion = {
  description: 'nothing: channels in random order, to compare with',
  measure({ found, seed }) {
    const next = seededRandom(seed);
    return new Map(found.groups.map((group) => [group, Float64Array.from({ length: group.size }, next)]));
  },
};
