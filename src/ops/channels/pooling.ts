import type { ChannelRow } from './site.js';

/** Pools look at each channel by itself. */
const pool: ChannelRow = {
  couple(site) {
    const { x, y, node } = site;
    if (node.outputs[1]) site.refuse('its indices count over all channels');
    for (const axis of [0, 1]) site.join([x, axis], [y, axis]);
  },
};

/** Pooling over spatial axes. */
export const pooling: Record<string, ChannelRow> = {
  AveragePool: pool,
  GlobalAveragePool: pool,
  GlobalLpPool: pool,
  GlobalMaxPool: pool,
  LpPool: pool,
  MaxPool: pool,
};
