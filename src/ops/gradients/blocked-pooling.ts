import { asPlanes, planesOf } from './planes.js';
import type { Site } from './site.js';
import type { Window } from './windows.js';

/**
 * Gradient of a MaxPool whose windows lie side by side, in the blocked layout: it goes to the elements that equal their
 * window's maximum, in equal parts where several do. No indices are needed, which the forward pass is slow to make.
 * Undefined where that does not fit.
 */
export function blockedMaxPool(site: Site, window: Window): string | undefined {
  const channels = site.dims(site.x)[1];
  const planes = planesOf(site, { from: site.x, to: site.y, window, group: 1 });
  if (!planes || typeof channels !== 'number' || !planes.layout.fits(channels)) return undefined;
  const { layout, kernel, strides, dilations, sizes, windows } = planes;
  const isTiled = [0, 1].every(
    (axis) =>
      kernel[axis] === strides[axis] &&
      dilations[axis] === 1 &&
      planes.begin[axis] === 0 &&
      planes.end[axis] === 0 &&
      windows[axis]! * kernel[axis]! <= sizes[axis]!,
  );
  if (!isTiled) return undefined;
  const { g, block } = layout;
  const rows = layout.roundUp(channels);
  const covered = [windows[0] * kernel[0], windows[1] * kernel[1]] as const;
  const line = covered[1] * block;
  const isCut = covered.some((size, axis) => size !== sizes[axis]);
  const blocked = (value: string, like: string) => layout.input(asPlanes(site, value, like));
  /** Each element as often side by side as its window is wide, one line for all of the window's lines. */
  const stretch = (value: string) => {
    const pixels = g.reshape(value, [-1, 1, block]);
    const wide = kernel[1] === 1 ? pixels : g.op('Tile', [pixels, g.ints([1, kernel[1], 1])]);
    return g.reshape(wide, [-1, 1, line]);
  };
  const x = blocked(site.x, site.x);
  const image = g.reshape(x, [-1, rows / block, sizes[0], sizes[1] * block]);
  const seen = isCut ? g.op('Slice', [image, g.ints([0, 0]), g.ints([covered[0], line]), g.ints([2, 3])]) : image;
  const largest = g.op('Equal', [g.reshape(seen, [-1, kernel[0], line]), stretch(blocked(site.y, site.y))]);
  const mask = g.cast(largest, 1);
  const attributes = { kernel_shape: kernel, strides: kernel, pads: [0, 0, 0, 0] };
  const part = g.op('com.microsoft.nchwc.AveragePool', [g.reshape(mask, [-1, rows, ...covered])], attributes);
  const share = g.div(blocked(site.dy, site.y), g.mul(part, kernel[0] * kernel[1]));
  const spread = g.reshape(g.mul(mask, stretch(share)), [-1, rows / block, covered[0], line]);
  const pads = [0, 0, 0, 0, 0, 0, sizes[0] - covered[0], sizes[1] * block - line];
  const whole = isCut ? g.op('Pad', [spread, g.ints(pads)]) : spread;
  const result = layout.output(g.reshape(whole, [-1, rows, ...sizes]), channels);
  return site.rank(site.x) === 4 ? result : site.reshapeLike(result, site.x);
}
