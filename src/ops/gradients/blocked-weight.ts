import type { WeightGradient } from './convolution-weight.js';
import { asPlanes, type Planes } from './planes.js';
import type { Site } from './site.js';
import { imagesOfParts, paddedImages, paddedWindows, partsOf, reach } from './window-parts.js';

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

/**
 * The batch takes the place of the channels: the image as [C, N, …] blocked along N, the output's gradient as a filter
 * [M, N, …]; stride and dilation change places. The padding is written into the image, as padded positions are slow.
 * Where windows are in parts, each part of each block of rows is a group of its own.
 */
function dense(planes: Planes, image: string, gradient: string): string {
  const { layout, batch, channels, filters, kernel, sizes } = planes;
  const { g, block } = layout;
  const [rows, columns] = [layout.roundUp(batch!), layout.roundUp(filters)];
  const blocks = rows / block;
  const missing = rows - batch!;
  const appended = (value: string) => (missing ? g.op('Pad', [value, g.ints([0, 0, 0, 0, missing, 0, 0, 0])]) : value);
  const parts = partsOf(planes, block);
  const isCut = parts.count > 1;
  const groups = isCut ? blocks * parts.count : 1;

  const blocked = layout.input(g.reshape(appended(image), [1, rows, channels * sizes[0], sizes[1]]));
  const turned = g.transpose(g.reshape(blocked, [blocks, channels, sizes[0], sizes[1] * block]), [1, 0, 2, 3]);
  const whole = paddedImages(planes, parts, turned, 4);
  const images = isCut ? imagesOfParts(planes, parts, whole, channels * blocks) : whole;

  const windows = paddedWindows(planes, parts, appended(layout.input(gradient)), (rows * columns) / block);
  const split = g.reshape(windows, [blocks, block, columns / block, parts.before, parts.count, parts.behind, block]);
  const filter = g.transpose(split, isCut ? [0, 4, 2, 3, 5, 1, 6] : [2, 0, 4, 3, 5, 1, 6]);
  const result = layout.conv(
    g.reshape(images, [channels, parts.count * rows, ...reach(planes, parts.each)]),
    g.reshape(filter, [groups * columns, (parts.count * rows) / groups, ...parts.each]),
    {
      kernel_shape: parts.each,
      strides: planes.dilations,
      dilations: planes.strides,
      pads: [0, 0, 0, 0],
      group: groups,
    },
  );
  const taps = kernel[0] * kernel[1] * block;
  const sums = isCut ? g.sum(g.reshape(result, [channels, groups, (columns / block) * taps]), [1], false) : result;
  const swapped = g.transpose(g.reshape(sums, [channels, columns / block, taps]), [1, 0, 2]);
  const merged = g.reshape(swapped, [1, columns, channels * kernel[0], kernel[1]]);
  return g.reshape(layout.output(merged, filters), [filters, channels, ...kernel]);
}

/**
 * Every channel of every row is a channel of its own, in a depthwise convolution of the image with the output's gradient
 * as its filter: blocked values are that already, and only the small results are summed over the batch. Where windows
 * are in parts, so is every part.
 */
function depthwise(planes: Planes, image: string, gradient: string): string {
  const { layout, batch, channels, kernel, begin, sizes } = planes;
  const { g, block } = layout;
  const blocks = layout.roundUp(channels) / block;
  const rows = batch! * blocks;
  const parts = partsOf(planes, 1);
  const group = rows * parts.count * block;
  const isCut = parts.count > 1;
  // Rows behind the last window, where there are any, give taps beyond the kernel.
  const rest = reach(planes, parts.windows).map((span, axis) => (isCut ? 0 : span - sizes[axis]! - begin[axis]!));
  const made = kernel.map((taps, axis) => taps + Math.floor(Math.max(0, -rest[axis]!) / planes.dilations[axis]!));

  const planar = layout.input(image);
  const blocked = g.reshape(planar, [rows, sizes[0], sizes[1] * block]);
  const images = isCut ? imagesOfParts(planes, parts, paddedImages(planes, parts, blocked, 3), rows) : planar;
  const windows = paddedWindows(planes, parts, layout.input(gradient), rows);
  const split = g.reshape(windows, [rows, parts.before, parts.count, parts.behind * block]);
  const result = layout.conv(
    g.reshape(images, [1, group, ...(isCut ? reach(planes, parts.each) : sizes)]),
    g.reshape(isCut ? g.transpose(split, [0, 2, 1, 3]) : split, [group, 1, ...parts.each]),
    {
      kernel_shape: parts.each,
      strides: planes.dilations,
      dilations: planes.strides,
      pads: isCut ? [0, 0, 0, 0] : [...begin, ...rest.map((count) => Math.max(0, count))],
      group,
    },
  );
  // A sum over the first axis alone is a fast one.
  const [count, axes] = isCut ? [[parts.count], [0, 2]] : [[], [0]];
  const summed = g.sum(g.reshape(result, [batch!, blocks, ...count, ...made, block]), axes, false);
  const isLonger = made.some((taps, axis) => taps !== kernel[axis]);
  const cut = isLonger ? g.op('Slice', [summed, g.ints([0, 0]), g.ints(kernel), g.ints([1, 2])]) : summed;
  const weight = g.reshape(g.transpose(cut, [0, 3, 1, 2]), [blocks * block, 1, ...kernel]);
  return blocks * block === channels ? weight : g.op('Slice', [weight, g.ints([0]), g.ints([channels])]);
}
