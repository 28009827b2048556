import type { Site } from './site.js';
import { padded, padsOf, spatial, type Window } from './windows.js';

/** The two sides of a convolution's weight gradient. */
export interface WeightGradient {
  /** What the weight slides over, [N, C, …]. */
  image: string;
  /** The gradient of what it makes of that, [N, M, …]. */
  gradient: string;
  window: Window;
  group: number;
}

/** Gradient of a convolution by its weight, [M, C / group, …kernel]. */
export function convolutionWeightGradient(site: Site, sides: WeightGradient): string {
  return swappedConvolution(site, sides);
}

/**
 * The gradient as a convolution in which the batch takes the place of the channels: the image, [C / group, group × N, …],
 * with the output's gradient as its weight, [M, N, …]; stride and dilation change places.
 */
function swappedConvolution(site: Site, sides: WeightGradient): string {
  const { g } = site;
  const { group } = sides;
  const pads = padsOf(sides.window);
  const { value: image, window } = pads
    ? { value: sides.image, window: sides.window }
    : padded(site, sides.image, sides.window);
  const rank = window.kernel.length;
  const behind = window.kernel.map((_, axis) => axis + 2);
  const kernel = g.transpose(sides.gradient, [1, 0, ...behind]);
  const result = g.op('Conv', [batchAsChannels(site, image, group), kernel], {
    strides: window.dilations,
    dilations: window.strides,
    pads: padsOf(window),
    group,
  });
  return g.transpose(isExact(site, sides, pads) ? result : firstTaps(site, result, window), [
    1,
    0,
    ...behind.slice(0, rank),
  ]);
}

/** [N, group × C, …] → [C, group × N, …] */
function batchAsChannels(site: Site, image: string, group: number): string {
  const { g } = site;
  const rank = site.rank(site.x);
  const behind = Array.from({ length: rank - 2 }, (_, axis) => axis + 2);
  if (group === 1) return g.transpose(image, [1, 0, ...behind]);
  const sizes = g.op('Shape', [image], { start: 2 });
  const split = g.op('Concat', [g.ints([0, group, -1]), sizes], { axis: 0 });
  const turned = g.transpose(g.reshape(image, split), [2, 1, 0, ...behind.map((axis) => axis + 1)]);
  return g.reshape(turned, g.op('Concat', [g.ints([0, -1]), sizes], { axis: 0 }));
}

/** True where the last window ends at the end of the padded image, so that the convolution makes no taps beyond. */
function isExact(site: Site, { image, gradient, window }: WeightGradient, pads: number[] | undefined): boolean {
  const sizes = spatial(site, image === site.x ? site.x : site.y);
  const windows = spatial(site, gradient === site.x ? site.x : site.y);
  const { kernel, strides, dilations } = window;
  return kernel.every((taps, axis) => {
    if (strides[axis] === 1) return true;
    const [size, count] = [sizes[axis], windows[axis]];
    if (!pads || typeof size !== 'number' || typeof count !== 'number') return false;
    const reach = size + pads[axis]! + pads[axis + kernel.length]! - (count - 1) * strides[axis]! - 1;
    return Math.floor(reach / dilations[axis]!) + 1 === taps;
  });
}

function firstTaps(site: Site, value: string, { kernel }: Window): string {
  const { g } = site;
  const axes = kernel.map((_, axis) => axis + 2);
  return g.op('Slice', [value, g.ints(kernel.map(() => 0)), g.ints(kernel), g.ints(axes)]);
}
