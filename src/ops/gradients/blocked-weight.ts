import type { WeightGradient } from './convolution-weight.js';
import { asPlanes, type Planes } from './planes.js';
import type { Site } from './site.js';

/** Gradient of a convolution by its weight in the blocked layout; undefined where that does not fit. */
export function blockedWeightGradient(site: Site, planes: Planes, sides: WeightGradient): string | undefined {
  const { layout, filters, batch, isDepthwise } = planes;
  if (batch === undefined || !layout.fits(filters)) return undefined;
  if (!isDepthwise && layout.roundUp(batch) > 1.5 * batch) return undefined;
  const image = asPlanes(site, sides.image, sides.from);
  const gradient = asPlanes(site, sides.gradient, sides.to);
  const weight = isDepthwise ? depthwise(planes, image, gradient) : dense(planes, image, gradient);
  return site.rank(sides.from) === 4 ? weight : site.g.reshape(weight, site.shapeOf(site.input(1)!));
}

/** How far behind the begin of an axis the last tap of the last window is, padding included. */
function reach({ kernel, strides, dilations, windows }: Planes, axis: 0 | 1): number {
  return (kernel[axis] - 1) * dilations[axis] + (windows[axis] - 1) * strides[axis] + 1;
}

/**
 * The batch takes the place of the channels: the image as [C, N, …] blocked along N, the output's gradient as a filter
 * [M, N, …]; stride and dilation change places. The padding is written into the image, as padded positions are slow.
 */
function dense(planes: Planes, image: string, gradient: string): string {
  const { layout, batch, channels, filters, kernel, sizes, windows, begin } = planes;
  const { g, block } = layout;
  const rows = layout.roundUp(batch!);
  const missing = rows - batch!;
  const appended = (value: string) => (missing ? g.op('Pad', [value, g.ints([0, 0, 0, 0, missing, 0, 0, 0])]) : value);
  const spans = [reach(planes, 0), reach(planes, 1)] as const;
  const blocked = layout.input(g.reshape(appended(image), [1, rows, channels * sizes[0], sizes[1]]));
  const turned = g.transpose(g.reshape(blocked, [rows / block, channels, sizes[0], sizes[1] * block]), [1, 0, 2, 3]);
  const rest = spans.map((span, axis) => span - sizes[axis]! - begin[axis]!) as [number, number];
  const pads = [0, 0, begin[0], begin[1] * block, 0, 0, rest[0], rest[1] * block];
  const whole = pads.some(Boolean) ? g.op('Pad', [turned, g.ints(pads)]) : turned;
  const split = g.reshape(appended(layout.input(gradient)), [
    rows / block,
    block,
    layout.roundUp(filters) / block,
    windows[0] * windows[1],
    block,
  ]);
  const filter = g.reshape(g.transpose(split, [2, 0, 3, 1, 4]), [layout.roundUp(filters), rows, ...windows]);
  const result = layout.conv(g.reshape(whole, [channels, rows, ...spans]), filter, {
    kernel_shape: windows,
    strides: planes.dilations,
    dilations: planes.strides,
    pads: [0, 0, 0, 0],
    group: 1,
  });
  const columns = layout.roundUp(filters);
  const taps = g.reshape(result, [channels, columns / block, kernel[0] * kernel[1] * block]);
  const merged = g.reshape(g.transpose(taps, [1, 0, 2]), [1, columns, channels * kernel[0], kernel[1]]);
  return g.reshape(layout.output(merged, filters), [filters, channels, ...kernel]);
}

/**
 * Every channel of every row is a channel of its own, in a depthwise convolution of the image with the output's gradient
 * as its filter: blocked values are that already, and only the small results are summed over the batch.
 */
function depthwise(planes: Planes, image: string, gradient: string): string {
  const { layout, batch, channels, sizes, windows, kernel, begin } = planes;
  const { g, block } = layout;
  const blocks = layout.roundUp(channels) / block;
  const group = batch! * blocks * block;
  const rest = sizes.map((size, axis) => reach(planes, axis as 0 | 1) - size - begin[axis]!);
  const result = layout.conv(
    g.reshape(layout.input(image), [1, group, ...sizes]),
    g.reshape(layout.input(gradient), [group, 1, ...windows]),
    {
      kernel_shape: windows,
      strides: planes.dilations,
      dilations: planes.strides,
      pads: [...begin, ...rest.map((count) => Math.max(0, count))],
      group,
    },
  );
  // Rows behind the last window, where there are any, give taps beyond the kernel.
  const made = kernel.map((taps, axis) => taps + Math.floor(Math.max(0, -rest[axis]!) / planes.dilations[axis]!));
  const summed = g.sum(g.reshape(result, [batch!, blocks, ...made, block]), [0], false);
  const isCut = made.some((taps, axis) => taps !== kernel[axis]);
  const cut = isCut ? g.op('Slice', [summed, g.ints([0, 0]), g.ints(kernel), g.ints([1, 2])]) : summed;
  const weight = g.reshape(g.transpose(cut, [0, 3, 1, 2]), [blocks * block, 1, ...kernel]);
  return blocks * block === channels ? weight : g.op('Slice', [weight, g.ints([0]), g.ints([channels])]);
}
