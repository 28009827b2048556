import type { ChannelRow } from './site.js';

/** Operators that read channels at places given by another input. */
export const sampling: Record<string, ChannelRow> = {
  GridSample: {
    couple(site) {
      site.join([site.x, 0], [site.input(1)!, 0], [site.y, 0]);
      site.join([site.x, 1], [site.y, 1]);
    },
  },
  MaxRoiPool: { couple: (site) => site.join([site.x, 1], [site.y, 1]) },
  RoiAlign: { couple: (site) => site.join([site.x, 1], [site.y, 1]) },
};
