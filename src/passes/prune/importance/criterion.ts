import type { ChannelGroup, ChannelGroups, ChannelMember } from '../../../analysis/channel-groups.js';
import type { Model } from '../../../ir/model.js';
import type { CollectOptions } from '../sums-thread.js';

/** What is lost with each channel, by group: a number per channel, of one scale within a group. */
export type Importance = ReadonlyMap<ChannelGroup, Float64Array>;

/** What importance is measured on. */
export interface ImportanceSite extends CollectOptions {
  model: Model;
  /** The groups of this very model. */
  found: ChannelGroups;
  seed: number;
}

/** A way to tell which channels matter least. */
export interface Criterion {
  /** What it looks at, in a line. */
  description: string;
  /** True where numbers of different groups can be compared; elsewhere their shares of a group's sum are. */
  isAbsolute?: true;
  measure(site: ImportanceSite): Importance | Promise<Importance>;
}

/** The sum, for each channel, of a number that each index of an axis has. */
export function perChannel(member: ChannelMember, numbers: ArrayLike<number>): Float64Array {
  const { indices, perChannel: width } = member;
  const sums = new Float64Array(indices.length / width);
  for (let k = 0; k < indices.length; k++) sums[Math.floor(k / width)]! += numbers[indices[k]!]!;
  return sums;
}

/** Sums of lists, place by place. */
export function added(lists: readonly Float64Array[], size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, channel) => lists.reduce((sum, list) => sum + list[channel]!, 0));
}
