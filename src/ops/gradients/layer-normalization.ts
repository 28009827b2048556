import type { GradientRow, Site } from './site.js';

/**
 * Gradients of LayerNormalization. With x̂ the normalized input and dx̂ = dy · scale, over the normalized axes
 * dx = (dx̂ − mean(dx̂) − x̂ · mean(dx̂ · x̂)) / deviation. The fused kernel computes x̂ again, which costs one pass; sums
 * over dx̂ are products with the vector `scale`.
 */
export const layerNormalization: GradientRow = (site) => {
  if (site.gradientOf(1) || site.gradientOf(2)) site.refuse('its statistics cannot carry a gradient');
  const { g } = site;
  const rows = rowsOf(site);
  const [normalized, , inverseDeviation] = g.ops(
    'LayerNormalization',
    [rows.x, g.op('Expand', [1, rows.width])],
    { axis: -1, epsilon: { float: site.node.float('epsilon', 1e-5) } },
    3,
  ) as [string, string, string];
  const product = g.mul(rows.dy, normalized);
  if (site.wants(1)) site.give(1, site.reshapeLike(g.sum(product, [0], false), site.node.inputs[1]!));
  if (site.wants(2)) site.give(2, site.reshapeLike(g.sum(rows.dy, [0], false), site.node.inputs[2]!));
  if (!site.wants(0)) return;
  const meanScale = g.reshape(g.div(rows.scale, g.cast(rows.width, 1)), [-1, 1]);
  const projected = g.sub(
    g.sub(g.mul(rows.dy, rows.scale), g.mul(normalized, g.op('MatMul', [product, meanScale]))),
    g.op('MatMul', [rows.dy, meanScale]),
  );
  site.give(0, site.reshapeLike(g.mul(projected, inverseDeviation), site.x));
};

/** Gradients of RMSNormalization: those of LayerNormalization without means. */
export const rmsNormalization: GradientRow = (site) => {
  const { g } = site;
  const rows = rowsOf(site);
  const meanSquare = g.op('ReduceMean', [g.mul(rows.x, rows.x), g.ints([1])], { keepdims: 1 });
  const inverse = g.op('Reciprocal', [g.op('Sqrt', [g.add(meanSquare, site.node.float('epsilon', 1e-5))])]);
  const normalized = g.mul(rows.x, inverse);
  const product = g.mul(rows.dy, normalized);
  if (site.wants(1)) site.give(1, site.reshapeLike(g.sum(product, [0], false), site.node.inputs[1]!));
  if (!site.wants(0)) return;
  const meanScale = g.reshape(g.div(rows.scale, g.cast(rows.width, 1)), [-1, 1]);
  const projected = g.sub(g.mul(rows.dy, rows.scale), g.mul(normalized, g.op('MatMul', [product, meanScale])));
  site.give(0, site.reshapeLike(g.mul(projected, inverse), site.x));
};

/** The input and the upstream gradient as matrices whose rows are normalized. */
function rowsOf(site: Site): { x: string; dy: string; scale: string; width: string } {
  const { g, x, dy } = site;
  const axis = site.axis(site.node.int('axis', -1));
  const flat = (value: string) => g.op('Flatten', [value], { axis });
  const scale = site.node.inputs[1]!;
  const normalized = site.dims(x).slice(axis);
  const given = site.dims(scale);
  if (given.length !== normalized.length || given.some((size, k) => size === 1 && normalized[k] !== 1))
    site.refuse('its scale is broadcast over the normalized axes');
  const sizes = site.sizes(scale);
  const width = sizes
    ? g.ints([sizes.reduce((product, size) => product * size, 1)])
    : g.reshape(g.op('Size', [scale]), [1]);
  return { x: flat(x), dy: flat(dy), scale: g.reshape(scale, [-1]), width };
}
