import type { Dim } from '../../ir/graph.js';
import type { Site } from './site.js';

/** How a convolution or pooling slides over the spatial axes of its input; one number per axis. */
export interface Window {
  kernel: readonly number[];
  strides: readonly number[];
  dilations: readonly number[];
  /** Zeros put before each axis, or the name of such a vector where only the running graph knows its sizes. */
  begin: readonly number[] | string;
  /** Zeros put behind each axis. */
  end: readonly number[] | string;
}

/** Strides, dilations and padding of a node that slides over its first input (`auto_pad` of ONNX Conv and the pools). */
export function windowOf(site: Site, kernel: readonly number[]): Window {
  const { node } = site;
  const strides = node.ints('strides') ?? kernel.map(() => 1);
  const dilations = node.ints('dilations') ?? kernel.map(() => 1);
  const none = kernel.map(() => 0);
  const window = { kernel, strides, dilations, begin: none, end: none };
  const auto = node.string('auto_pad', 'NOTSET');
  if (auto === 'VALID') return window;
  if (auto.startsWith('SAME')) return { ...window, ...samePads(site, window, auto === 'SAME_LOWER') };
  const pads = node.ints('pads') ?? [...none, ...none];
  return { ...window, begin: pads.slice(0, kernel.length), end: pads.slice(kernel.length) };
}

/** Sizes of a value behind batch and channels. */
export function spatial(site: Site, name: string): readonly Dim[] {
  return site.dims(name).slice(2);
}

/** The span of a window along an axis, holes of its dilation included. */
export function extent({ kernel, dilations }: Window, axis: number): number {
  return (kernel[axis]! - 1) * dilations[axis]! + 1;
}

/** SAME padding: as many windows as `ceil(size / stride)`; the odd zero goes behind, or before with SAME_LOWER. */
function samePads(site: Site, window: Window, lower: boolean): Pick<Window, 'begin' | 'end'> {
  const sizes = spatial(site, site.x);
  const totals = sizes.map((size, axis) => {
    const [stride, span] = [window.strides[axis]!, extent(window, axis)];
    if (typeof size !== 'number') return stride === 1 ? span - 1 : undefined;
    return Math.max(0, (Math.ceil(size / stride) - 1) * stride + span - size);
  });
  if (totals.every((total) => total !== undefined)) {
    const half = totals.map((total) => Math.floor(total / 2));
    const rest = totals.map((total, axis) => total - half[axis]!);
    return lower ? { begin: rest, end: half } : { begin: half, end: rest };
  }
  return samePadsAtRunTime(site, window, lower);
}

function samePadsAtRunTime(site: Site, window: Window, lower: boolean): Pick<Window, 'begin' | 'end'> {
  const { g } = site;
  const span = window.kernel.map((_, axis) => extent(window, axis) - window.strides[axis]!);
  const covered = g.add(g.mul(g.op('Shape', [site.y], { start: 2 }), g.ints(window.strides)), g.ints(span));
  const total = g.op('Max', [g.sub(covered, g.op('Shape', [site.x], { start: 2 })), g.ints([0])]);
  const half = g.div(total, g.ints([2]));
  const rest = g.sub(total, half);
  return lower ? { begin: rest, end: half } : { begin: half, end: rest };
}

/** Pads attribute of a window; undefined where only the running graph knows it. */
export function padsOf({ begin, end }: Window): number[] | undefined {
  return typeof begin === 'string' || typeof end === 'string' ? undefined : [...begin, ...end];
}

/** A value padded as the window says, and the window that slides over it without padding. */
export function padded(site: Site, value: string, window: Window): { value: string; window: Window } {
  const { g } = site;
  const none = window.kernel.map(() => 0);
  const vector = (side: readonly number[] | string) => (typeof side === 'string' ? side : g.ints(side));
  const pads = padsOf(window)
    ? g.ints([0, 0, ...(window.begin as number[]), 0, 0, ...(window.end as number[])])
    : g.op('Concat', [g.ints([0, 0]), vector(window.begin), g.ints([0, 0]), vector(window.end)], { axis: 0 });
  return { value: g.op('Pad', [value, pads]), window: { ...window, begin: none, end: none } };
}

/**
 * Sends the value of each window back to the positions that it covers, times the weight there: the transpose of a
 * convolution with `weight`, [values, channels / group, …kernel], over an input of the shape of `like`.
 */
export function transposedConvolution(
  site: Site,
  value: string,
  weight: string,
  window: Window,
  { like, group = 1 }: { like: string; group?: number },
): string {
  const { g } = site;
  const { strides, dilations } = window;
  const sizes = spatial(site, like);
  const windows = spatial(site, site.y);
  const pads = padsOf(window);
  const rank = sizes.length;
  /** Positions that no window reaches (or, negative, that the last one reaches beyond the padded input). */
  const left = sizes.map((size, axis) => {
    const count = windows[axis];
    if (!pads || typeof size !== 'number' || typeof count !== 'number') return undefined;
    return size + pads[axis]! + pads[axis + rank]! - (count - 1) * strides[axis]! - extent(window, axis);
  });
  const attributes = { strides, dilations, group };
  if (pads && left.every((count) => count !== undefined)) {
    const ends = left.map((count, axis) => pads[axis + rank]! - Math.min(0, count));
    const output_padding = left.map((count) => Math.max(0, count));
    return g.op('ConvTranspose', [value, weight], {
      ...attributes,
      pads: [...pads.slice(0, rank), ...ends],
      output_padding: output_padding.some(Boolean) ? output_padding : undefined,
    });
  }
  if (pads && strides.every((stride) => stride === 1) && !site.node.int('ceil_mode', 0))
    return g.op('ConvTranspose', [value, weight], { ...attributes, pads });
  return cutAtRunTime(site, g.op('ConvTranspose', [value, weight], attributes), window, like);
}

/** Cuts the padding off a value, and appends zeros up to the size of `like`. */
function cutAtRunTime(site: Site, value: string, { begin }: Window, like: string): string {
  const { g } = site;
  const lead = typeof begin === 'string' ? begin : g.ints(begin);
  const sizeOf = (name: string) => g.op('Shape', [name], { start: 2 });
  const rest = g.sub(g.add(sizeOf(like), lead), sizeOf(value));
  return g.op('Pad', [value, g.op('Concat', [g.ints([0, 0]), g.neg(lead), g.ints([0, 0]), rest], { axis: 0 })]);
}
