import { Tensor } from '../../ir/tensor.js';
import { blockedMaxPool } from './blocked-pooling.js';
import type { GradientRow, Site } from './site.js';
import { extent, padsOf, spatial, transposedConvolution, type Window, windowOf } from './windows.js';

/** Pooling. */
export const pooling: Record<string, GradientRow> = {
  MaxPool: (site) => site.give(0, maxPool(site)),
  AveragePool(site) {
    const window = windowOf(site, kernelOf(site));
    site.give(0, spread(site, site.g.div(site.dy, countOf(site, window)), window));
  },
  LpPool(site) {
    const window = windowOf(site, kernelOf(site));
    site.give(
      0,
      normGradient(site, (value) => spread(site, value, window)),
    );
  },
  GlobalAveragePool(site) {
    const { g } = site;
    site.give(0, g.op('Expand', [g.div(site.dy, positionsOf(site)), site.shapeOf(site.x)]));
  },
  GlobalMaxPool(site) {
    const { g } = site;
    const isLargest = g.cast(g.op('Equal', [site.x, site.y]), 1);
    const axes = spatial(site, site.x).map((_, axis) => axis + 2);
    site.give(0, g.mul(isLargest, g.div(site.dy, g.sum(isLargest, axes))));
  },
  GlobalLpPool: (site) =>
    site.give(
      0,
      normGradient(site, (value) => value),
    ),
};

function maxPool(site: Site): string {
  const window = windowOf(site, kernelOf(site));
  const blocked = site.node.outputs[1] ? undefined : blockedMaxPool(site, window);
  return blocked ?? scatterToMaxima(site, window);
}

/** The index output of the forward node says where each maximum came from, counted over the whole input. */
function scatterToMaxima(site: Site, window: Window): string {
  const { g, node, x, dy } = site;
  if (node.int('storage_order', 0)) site.refuse('indices in column-major order');
  const indices = node.outputs[1] || g.model.freshName(`${site.y}/indices`);
  node.outputs[1] = indices;
  const { kernel, strides } = window;
  const areApart = kernel.every((_, axis) => extent(window, axis) <= strides[axis]!);
  if (areApart) return g.op('MaxUnpool', [dy, indices, site.shapeOf(x)], { kernel_shape: kernel, strides });
  const flat = (value: string) => g.reshape(value, [-1]);
  const size = g.op('ReduceProd', [site.shapeOf(x)], { keepdims: 1 });
  const zeros = g.op('ConstantOfShape', [size], { value: Tensor.from('', 'float32', [1], [0]) });
  return site.reshapeLike(g.op('ScatterElements', [zeros, flat(indices), flat(dy)], { reduction: 'add' }), x);
}

/** Gradient of `(Σ|x|^p)^(1/p)` by x: `dy · y^(1-p) · x·|x|^(p-2)`, the first two sent back by `send`. */
function normGradient(site: Site, send: (value: string) => string): string {
  const { g, node } = site;
  const p = node.int('p', 2);
  if (p === 1) return g.mul(send(site.dy), g.op('Sign', [site.x]));
  const power = (value: string, exponent: number) => (exponent === 1 ? value : g.op('Pow', [value, exponent]));
  const share = g.where(g.op('Equal', [site.y, 0]), 0, g.div(site.dy, power(site.y, p - 1)));
  const slope = p === 2 ? site.x : g.mul(g.op('Sign', [site.x]), power(g.op('Abs', [site.x]), p - 1));
  return g.mul(send(share), slope);
}

/** Sends the value of each window to all positions that it covers. */
function spread(site: Site, value: string, window: Window): string {
  const { g } = site;
  const ones = g.constant(
    Tensor.from(`${g.prefix}/window`, 'float32', [1, 1, ...window.kernel], window.kernel.reduce(repeat, [1])),
  );
  const single = g.reshape(value, g.op('Concat', [g.ints([-1, 1]), g.op('Shape', [value], { start: 2 })], { axis: 0 }));
  return site.reshapeLike(transposedConvolution(site, single, ones, window, { like: site.x }), site.x);
}

const repeat = (values: number[], times: number): number[] => Array.from({ length: times }, () => values).flat();

/** How many positions each window averages: a number, or a value that broadcasts over the windows. */
function countOf(site: Site, window: Window): number | string {
  const { g, node } = site;
  const taps = window.kernel.reduce((product, size) => product * size, 1);
  const pads = padsOf(window);
  const includesPads = node.int('count_include_pad', 0) === 1;
  const isCeil = node.int('ceil_mode', 0) === 1;
  if (!isCeil && (includesPads || pads?.every((pad) => pad === 0))) return taps;
  const sizes = spatial(site, site.x);
  const windows = spatial(site, site.y);
  if (!pads || ![...sizes, ...windows].every((size) => typeof size === 'number'))
    return site.refuse('averages over parts of windows need fixed sizes');
  const counts = window.kernel.map((_, axis) =>
    axisCounts(window, axis, {
      windows: windows[axis] as number,
      from: includesPads ? 0 : pads[axis]!,
      to: (sizes[axis] as number) + pads[axis]! + (includesPads ? pads[axis + window.kernel.length]! : 0),
    }),
  );
  const product = counts.reduce((all, axis) => all.flatMap((a) => axis.map((b) => a * b)), [1]);
  return g.constant(Tensor.from(`${g.prefix}/counts`, 'float32', windows as number[], product));
}

/** Positions from `from` to `to` of the padded axis that each window covers. */
function axisCounts(window: Window, axis: number, range: { windows: number; from: number; to: number }): number[] {
  const [stride, dilation] = [window.strides[axis]!, window.dilations[axis]!];
  return Array.from({ length: range.windows }, (_, k) => {
    const positions = Array.from({ length: window.kernel[axis]! }, (_, tap) => k * stride + tap * dilation);
    return positions.filter((position) => position >= range.from && position < range.to).length;
  });
}

function positionsOf(site: Site): number | string {
  const sizes = spatial(site, site.x);
  if (sizes.every((size) => typeof size === 'number')) return sizes.reduce((product, size) => product * size, 1);
  const { g } = site;
  return g.cast(g.op('ReduceProd', [g.op('Shape', [site.x], { start: 2 })], { keepdims: 1 }), 1);
}

function kernelOf(site: Site): number[] {
  return site.node.ints('kernel_shape') ?? site.refuse('it has no kernel_shape');
}
