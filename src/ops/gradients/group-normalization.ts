import type { GradientRow, Site } from './site.js';

/** Gradients of InstanceNormalization: each channel of each sample is a group of its own. */
export const instanceNormalization: GradientRow = (site) => {
  const { g, x } = site;
  const view = (value: string) => g.reshape(value, [0, 0, -1]);
  groups(site, { x: view(x), dy: view(site.dy), scale: perGroup(site), scaleAxis: 1 });
};

/** Gradients of GroupNormalization, whose scale is per group up to version 18 and per channel from version 21. */
export const groupNormalization: GradientRow = (site) => {
  const { g, x, dy } = site;
  const count = site.node.int('num_groups') ?? site.refuse('it does not say its number of groups');
  if (site.opset < 21) {
    const view = (value: string) => g.reshape(value, [0, count, -1]);
    return groups(site, { x: view(x), dy: view(dy), scale: perGroup(site), scaleAxis: 1 });
  }
  const channels = channelsPerGroup(site, count);
  const view = (value: string) => g.reshape(value, [0, count, channels, -1]);
  groups(site, {
    x: view(x),
    dy: view(dy),
    scale: g.reshape(site.node.inputs[1]!, [count, channels, 1]),
    scaleAxis: 2,
  });
};

/** An input as groups: batch × groups × values, or batch × groups × channels × values. */
interface Grouped {
  x: string;
  dy: string;
  /** Shaped to be broadcast over `x`. */
  scale: string;
  /** Last axis along which the scale varies. */
  scaleAxis: number;
}

/**
 * With x̂ normalized and dx̂ = dy · scale: dx = (dx̂ − mean(dx̂) − x̂ · mean(dx̂ · x̂)) / deviation, means over a group.
 * Sums are taken per scale first: they are the gradients of scale and bias, and weighted by the scale they give the means.
 */
function groups(site: Site, { x, dy, scale, scaleAxis }: Grouped): void {
  const { g } = site;
  const perScale = (value: string) => g.sum(value, [scaleAxis + 1]);
  const [normalized, inverseDeviation] = normalize(site, x, scaleAxis === 2);
  const product = g.mul(dy, normalized);
  const [products, sums] = [perScale(product), perScale(dy)];
  const parameter = (position: number, value: string) =>
    site.wants(position) && site.give(position, g.reshape(g.sum(value, [0], false), [-1]));
  parameter(1, products);
  parameter(2, sums);
  if (!site.wants(0)) return;
  const count = g.cast(g.op('Div', [g.op('Size', [x]), g.op('Size', [inverseDeviation])]), 1);
  const mean = (value: string) => {
    const weighted = g.mul(value, scale);
    return g.div(scaleAxis === 2 ? g.sum(weighted, [2]) : weighted, count);
  };
  const projected = g.sub(g.sub(g.mul(dy, scale), g.mul(normalized, mean(products))), mean(sums));
  site.give(0, site.reshapeLike(g.mul(projected, inverseDeviation), site.x));
}

/** x̂ and the reciprocal of the deviation of each group, by the kernel of LayerNormalization. */
function normalize(site: Site, x: string, hasChannels: boolean): [string, string] {
  const { g, node } = site;
  const rows = hasChannels ? g.reshape(x, [0, 0, -1]) : x;
  const width = g.op('Shape', [rows], { start: 2 });
  const [normalized, , inverse] = g.ops(
    'LayerNormalization',
    [rows, g.op('Expand', [1, width])],
    { axis: -1, epsilon: { float: node.float('epsilon', 1e-5) } },
    3,
  ) as [string, string, string];
  if (!hasChannels) return [normalized, inverse];
  return [g.reshape(normalized, g.shape(x)), g.op('Unsqueeze', [inverse, g.ints([3])])];
}

function perGroup(site: Site): string {
  return site.g.reshape(site.node.inputs[1]!, [-1, 1]);
}

function channelsPerGroup(site: Site, groupCount: number): number {
  const channels = [site.dims(site.x)[1], site.dims(site.node.inputs[1]!)[0]].find((size) => typeof size === 'number');
  return channels === undefined ? site.refuse('its number of channels is not known') : channels / groupCount;
}
