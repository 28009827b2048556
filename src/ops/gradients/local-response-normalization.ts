import type { GradientRow, Site } from './site.js';

/**
 * Gradient of LRN: y = x · s^(−beta) with s = bias + alpha/size · (sum of x² over a window of channels), so that
 * dx = dy · s^(−beta) − 2 · alpha · beta / size · x · (sum of dy · y / s over the window turned round).
 */
export const localResponseNormalization: GradientRow = (site) => {
  const { g, dy, x, y, node } = site;
  const size = node.int('size', 1);
  const [alpha, beta] = [node.float('alpha', 1e-4), node.float('beta', 0.75)];
  const before = Math.floor((size - 1) / 2);
  const s = g.add(g.mul(windowSum(site, g.mul(x, x), size, before), alpha / size), node.float('bias', 1));
  const spread = windowSum(site, g.div(g.mul(dy, y), s), size, size - 1 - before);
  const direct = g.mul(dy, g.op('Pow', [s, -beta]));
  site.give(0, g.sub(direct, g.mul(g.mul(x, spread), (2 * alpha * beta) / size)));
};

/** Sums over a window of channels that begins `before` channels earlier and ends at the borders. */
function windowSum(site: Site, value: string, size: number, before: number): string {
  const { g } = site;
  const rows = g.reshape(value, g.op('Concat', [g.ints([0, 1]), channelsAndRest(site)], { axis: 0 }));
  const mean = g.op('AveragePool', [rows], {
    kernel_shape: [size, 1],
    pads: [before, 0, size - 1 - before, 0],
    count_include_pad: 1,
  });
  return site.reshapeLike(g.mul(mean, size), site.x);
}

/** The shape behind the batch axis: channels, and everything else as one axis. */
function channelsAndRest({ g, x }: Site): string {
  const channels = g.op('Shape', [x], { start: 1, end: 2 });
  return g.op('Concat', [channels, g.ints([-1])], { axis: 0 });
}
