import { coupleReshape } from './regroup.js';
import type { ChannelRow } from './site.js';

const regrouped: ChannelRow = { couple: (site) => coupleReshape(site, site.x, site.y) };

/** Operators that put elements into another shape or order. */
export const shapes: Record<string, ChannelRow> = {
  Reshape: {
    ...regrouped,
    resize(site) {
      const y = site.node.outputs[0]!;
      const changed = site.after(y).flatMap((dim, axis) => (dim === site.before(y)[axis] ? [] : [axis]));
      const target = site.constant(1)?.toNumbers();
      const entries = changed.filter((axis) => target?.[axis] !== -1);
      site.changeNumbers(1, new Map(entries.map((axis) => [axis, site.after(y)[axis] as number])));
    },
  },
  Flatten: regrouped,
  Squeeze: regrouped,
  Unsqueeze: regrouped,
  Transpose: {
    couple(site) {
      const rank = site.rank(site.x);
      const perm = site.node.ints('perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
      for (const [axis, source] of perm.entries()) site.join([site.x, source], [site.y, axis]);
    },
  },
};
