import type { Dim } from '../ir/graph.js';
import type { BlockedGraph } from './blocked-convolutions.js';

/** True for floats of [N, C, H, W] or [N, C, L] with fixed sizes behind N whose channels fill blocks well. */
export function isBlockable(graph: BlockedGraph, name: string): boolean {
  const dims = graph.dims(name);
  if (!dims || (dims.length !== 4 && dims.length !== 3) || !graph.isFloat(name)) return false;
  return dims.slice(1).every((dim) => typeof dim === 'number') && graph.layout.fits(dims[1] as number);
}

/** Sizes of the planes of [N, C, H, W] or [N, C, L]. */
export function planeSizes(dims: readonly Dim[]): [number, number] {
  return (dims.length === 4 ? dims.slice(2) : [1, dims[2]]) as [number, number];
}

/** A vector with a value per channel, zeros appended to fill up the last block. */
export function padChannels(graph: BlockedGraph, vector: string, channels: number): string {
  const missing = graph.layout.roundUp(channels) - channels;
  return missing ? graph.g.op('Pad', [vector, graph.g.ints([0, missing])]) : vector;
}

/** What `affine` multiplies each channel by, and adds; values of C elements. */
export interface ChannelMap {
  factor?: string | undefined;
  shift?: string | undefined;
}

/** Multiplies and adds per channel: a depthwise convolution with one tap, which is as fast as a plain product. */
export function affine(graph: BlockedGraph, value: string, channels: number, { factor, shift }: ChannelMap): string {
  const { g, layout } = graph;
  const rows = layout.roundUp(channels);
  const vector = (name: string) => padChannels(graph, g.reshape(name, [channels]), channels);
  const filter = factor ? g.reshape(vector(factor), [rows, 1, 1, 1]) : graph.ones(rows);
  return layout.conv(
    value,
    filter,
    { kernel_shape: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: rows },
    shift && vector(shift),
  );
}
