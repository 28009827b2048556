import type { ChannelRow, ChannelSite } from './site.js';

/** Joins the axes of a value and of another of the same rank, but for some that stay. */
export function joinOthers(
  site: ChannelSite,
  from: string,
  to: string,
  kept: ReadonlySet<number>,
  reason: string,
): void {
  for (let axis = 0; axis < site.rank(from); axis++)
    if (!kept.has(axis)) site.join([from, axis], [to, axis]);
    else for (const value of [from, to]) site.freeze(value, axis, reason);
}

/** Operators that mix the indices of some axes, and leave those of the others apart in all of their outputs. */
export function along(axes: (site: ChannelSite) => readonly number[], reason: string): ChannelRow {
  return {
    couple(site) {
      const mixed = new Set(axes(site).map((axis) => site.axis(axis)));
      for (const output of site.node.outputs) if (output) joinOthers(site, site.x, output, mixed, reason);
    },
  };
}

/** All axes of the first input from the given one on. */
export function axesFrom(site: ChannelSite, first: number): number[] {
  const begin = site.axis(first);
  return site.dims(site.x).flatMap((_, axis) => (axis >= begin ? [axis] : []));
}
