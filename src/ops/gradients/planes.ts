import { BlockedLayout } from './blocked.js';
import type { Site } from './site.js';
import { padsOf, spatial, type Window } from './windows.js';

type Pair = readonly [number, number];

/** A convolution over one or two axes of known sizes, as one over two: [N, C, …] seen as [N, C, height, width]. */
export interface Planes {
  layout: BlockedLayout;
  /** Rows of a batch, where they are fixed. */
  batch: number | undefined;
  /** Channels and sizes of what the weight slides over. */
  channels: number;
  sizes: Pair;
  /** Channels and sizes of what it makes of that. */
  filters: number;
  windows: Pair;
  kernel: Pair;
  strides: Pair;
  dilations: Pair;
  begin: Pair;
  end: Pair;
  isDepthwise: boolean;
}

/** What a convolution slides over and what it makes of that, by names of forward values of the same shapes. */
export interface Sides {
  from: string;
  to: string;
  window: Window;
  group: number;
}

/** The planes of a convolution that the blocked layout can hold; undefined for all others. */
export function planesOf(site: Site, { from, to, window, group }: Sides): Planes | undefined {
  const rank = window.kernel.length;
  const pads = padsOf(window);
  const [batch, channels, ...sizes] = site.dims(from);
  const [, filters, ...windows] = site.dims(to);
  const isFixed = [channels, filters, ...sizes, ...windows].every((size) => typeof size === 'number');
  if (!site.blockSize || !isFixed || !pads || rank > 2) return undefined;
  const isDepthwise = group > 1 && group === channels && group === filters;
  if (group > 1 && !isDepthwise) return undefined;
  const pair = (values: readonly number[], unit: number): Pair =>
    rank === 1 ? [unit, values[0]!] : [values[0]!, values[1]!];
  return {
    layout: new BlockedLayout(site.g, site.blockSize),
    batch: typeof batch === 'number' ? batch : undefined,
    channels: channels as number,
    sizes: pair(sizes as number[], 1),
    filters: filters as number,
    windows: pair(windows as number[], 1),
    kernel: pair(window.kernel, 1),
    strides: pair(window.strides, 1),
    dilations: pair(window.dilations, 1),
    begin: pair(pads.slice(0, rank), 0),
    end: pair(pads.slice(rank), 0),
    isDepthwise,
  };
}

/** A value with one or two spatial axes as one with two. */
export function asPlanes(site: Site, value: string, like: string): string {
  return spatial(site, like).length === 2 ? value : site.g.reshape(value, [0, 0, 1, -1]);
}
