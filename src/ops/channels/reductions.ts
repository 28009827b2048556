import type { ChannelRow, ChannelSite } from './site.js';

/** A reduction for which a channel of zeros is as good as none, or (`false`) is not. */
const reduction = (sums: boolean): ChannelRow => ({
  couple(site) {
    const axes = axesOf(site);
    const keep = site.node.int('keepdims', 1);
    let target = 0;
    for (let axis = 0; axis < site.rank(site.x); axis++) {
      if (!axes.has(axis)) site.join([site.x, axis], [site.y, target++]);
      else {
        if (sums) site.sum([site.x, axis]);
        else site.freeze(site.x, axis, 'reduces it');
        if (keep) target++;
      }
    }
  },
});

/** The axes that are reduced: an attribute, later an input; all of them where none are given. */
function axesOf(site: ChannelSite): Set<number> {
  const given = site.node.ints('axes') ?? site.constant(1)?.toNumbers();
  if (!given && site.input(1)) site.refuse('its axes are computed');
  if (!given?.length) {
    if (site.node.int('noop_with_empty_axes', 0)) return new Set();
    return new Set(site.dims(site.x).map((_, axis) => axis));
  }
  return new Set(Array.from(given, (axis) => site.axis(axis)));
}

/** Reductions over axes. */
export const reductions: Record<string, ChannelRow> = {
  ReduceL1: reduction(true),
  ReduceL2: reduction(true),
  ReduceSum: reduction(true),
  ReduceSumSquare: reduction(true),
  ReduceLogSum: reduction(true),
  ReduceLogSumExp: reduction(false),
  ReduceMax: reduction(false),
  ReduceMean: reduction(false),
  ReduceMin: reduction(false),
  ReduceProd: reduction(false),
};
