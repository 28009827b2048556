import type { ChannelGroup } from '../../analysis/channel-groups.js';
import type { ValueFacts } from '../../analysis/value-types.js';
import type { Node } from '../../ir/node.js';
import { convolutionBlock } from '../../runtime/convolution-block.js';

/** Operators whose channels the runtime lays out in blocks, on images. */
const BLOCKED = new Set(['Conv', 'com.microsoft.FusedConv']);
const IMAGE_RANK = 4;

/** What matrix products are computed in: columns of a register or two. */
const COLUMNS = 8;

/**
 * Numbers of channels that this machine computes without waste, as multiples of which groups are pruned: so many that
 * they fill a block of convolutions, where one makes or takes them, and a few columns of matrix products elsewhere. A
 * head fills some by itself.
 */
export async function channelMultiples(
  facts: ReadonlyMap<string, ValueFacts>,
): Promise<(group: ChannelGroup) => number> {
  const block = (await convolutionBlock()) ?? COLUMNS;
  const isBlocked = ({ type, inputs }: Node) => BLOCKED.has(type) && facts.get(inputs[0]!)?.dims?.length === IMAGE_RANK;
  return ({ producers, consumers }) => {
    const nodes = [...producers, ...consumers].map(({ node }) => node);
    const axes = [...producers.map(({ weight }) => weight), ...consumers.map(({ data }) => data)];
    const least = Math.min(...axes.map(({ perChannel }) => perChannel));
    return Math.max(1, Math.ceil((nodes.some(isBlocked) ? block : COLUMNS) / least));
  };
}
