import { blockedWeightGradient } from './blocked-weight.js';
import { planesOf, type Sides } from './planes.js';
import type { Site } from './site.js';
import { padded, padsOf, spatial, type Window } from './windows.js';

/** The two sides of a convolution's weight gradient; `from` and `to` name forward values of their shapes. */
export interface WeightGradient extends Sides {
  /** What the weight slides over, [N, C, …]. */
  image: string;
  /** The gradient of what it makes of that, [N, M, …]. */
  gradient: string;
}

/** Gradient of a convolution by its weight, [M, C / group, …kernel]. */
export function convolutionWeightGradient(site: Site, sides: WeightGradient): string {
  if (isPointwise(sides)) return pointwise(site, sides);
  const planes = planesOf(site, sides);
  const blocked = planes && blockedWeightGradient(site, planes, sides);
  if (blocked) return blocked;
  const exact = isExact(site, sides);
  const explicit = padsOf(sides.window) ? sides : withPadding(site, sides);
  const recipe = sides.group === 1 && sides.window.kernel.length < 3 ? channelsAsAxis : batchAsChannels;
  return recipe(site, explicit, (result) => (exact ? result : firstTaps(site, result, sides.window)));
}

function withPadding(site: Site, sides: WeightGradient): WeightGradient {
  const { value, window } = padded(site, sides.image, sides.window);
  return { ...sides, image: value, window };
}

function isPointwise({ window, group }: WeightGradient): boolean {
  const isPlain = window.kernel.every((taps) => taps === 1);
  return isPlain && group === 1 && (padsOf(window)?.every((pad) => pad === 0) ?? false);
}

/** A kernel of one tap: a matrix product over the positions, of each row of the batch or of all at once. */
function pointwise(site: Site, { image, gradient, from, to, window }: WeightGradient): string {
  const { g } = site;
  const { strides } = window;
  const axes = strides.flatMap((stride, axis) => (stride > 1 ? [axis] : []));
  const steps = axes.map((axis) => strides[axis]!);
  const isStrided = axes.length > 0;
  const ends = axes.map(() => Number.MAX_SAFE_INTEGER);
  const seen = isStrided
    ? g.op('Slice', [
        image,
        ...[axes.map(() => 0), ends, axes.map((axis) => axis + 2), steps].map((list) => g.ints(list)),
      ])
    : image;
  const [channels, filters] = [site.dims(from)[1] as number, site.dims(to)[1] as number];
  const positions = (site.typicalSizes(to) ?? []).slice(2).reduce((product, size) => product * size, 1);
  const one = (value: string, count: number) => g.reshape(value, [0, count, -1]);
  const all = (value: string, count: number) => g.reshape(g.transpose(one(value, count), [1, 0, 2]), [count, -1]);
  const isSmall = filters * channels > positions * (filters + channels);
  const product = (shape: typeof one) =>
    g.op('com.microsoft.FusedMatMul', [shape(gradient, filters), shape(seen, channels)], { transB: 1 });
  const matrix = isSmall ? product(all) : g.sum(product(one), [0], false);
  return g.reshape(matrix, [filters, channels, ...window.kernel]);
}

type Recipe = (site: Site, sides: WeightGradient, cut: (result: string) => string) => string;

/**
 * A convolution over one more axis: the image [1, N, C, …], in which the channels are positions, with the output's
 * gradient as its weight, [M, N, 1, …]; stride and dilation change places.
 */
const channelsAsAxis: Recipe = (site, { image, gradient, window }, cut) => {
  const { g } = site;
  const rank = window.kernel.length;
  const [begin, end] = [window.begin, window.end] as [number[], number[]];
  const result = g.op(
    'Conv',
    [
      g.op('Unsqueeze', [image, g.ints([0])]),
      g.op('Unsqueeze', [g.transpose(gradient, [1, 0, ...behind(rank)]), g.ints([2])]),
    ],
    { strides: [1, ...window.dilations], dilations: [1, ...window.strides], pads: [0, ...begin, 0, ...end] },
  );
  return cut(g.op('Squeeze', [result, g.ints([0])]));
};

/**
 * A convolution in which the batch takes the place of the channels: the image, [C / group, group × N, …], with the
 * output's gradient as its weight, [M, N, …]; stride and dilation change places.
 */
const batchAsChannels: Recipe = (site, { image, gradient, window, group }, cut) => {
  const { g } = site;
  const axes = behind(window.kernel.length);
  const result = g.op('Conv', [swapBatch(site, image, group), g.transpose(gradient, [1, 0, ...axes])], {
    strides: window.dilations,
    dilations: window.strides,
    pads: padsOf(window),
    group,
  });
  return g.transpose(cut(result), [1, 0, ...axes]);
};

const behind = (rank: number) => Array.from({ length: rank }, (_, axis) => axis + 2);

/** [N, group × C, …] → [C, group × N, …] */
function swapBatch(site: Site, image: string, group: number): string {
  const { g } = site;
  const axes = behind(site.rank(site.x) - 2);
  if (group === 1) return g.transpose(image, [1, 0, ...axes]);
  const sizes = g.op('Shape', [image], { start: 2 });
  const split = g.op('Concat', [g.ints([0, group, -1]), sizes], { axis: 0 });
  const turned = g.transpose(g.reshape(image, split), [2, 1, 0, ...axes.map((axis) => axis + 1)]);
  return g.reshape(turned, g.op('Concat', [g.ints([0, -1]), sizes], { axis: 0 }));
}

/** True where the last window ends at the end of the padded image, so that the convolution makes no taps beyond. */
function isExact(site: Site, { from, to, window }: WeightGradient): boolean {
  const pads = padsOf(window);
  const [sizes, windows] = [spatial(site, from), spatial(site, to)];
  return window.kernel.every((taps, axis) => {
    if (window.strides[axis] === 1) return true;
    const [size, count] = [sizes[axis], windows[axis]];
    if (!pads || typeof size !== 'number' || typeof count !== 'number') return false;
    const reach = size + pads[axis]! + pads[axis + window.kernel.length]! - (count - 1) * window.strides[axis]! - 1;
    return Math.floor(reach / window.dilations[axis]!) + 1 === taps;
  });
}

function firstTaps(site: Site, value: string, { kernel }: Window): string {
  const { g } = site;
  const axes = behind(kernel.length);
  return g.op('Slice', [value, g.ints(kernel.map(() => 0)), g.ints(kernel), g.ints(axes)]);
}
