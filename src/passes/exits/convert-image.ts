import { UserError } from '../../errors.js';
import type { Emitter } from '../../ir/emitter.js';
import { Tensor } from '../../ir/tensor.js';
import { DATA_TYPES, type DataType, isFloat } from '../../ir/types.js';

/** How a model takes images: what its input holds of each pixel, 0…255, and in which order. */
export interface ImageForm {
  kind: 'image';
  input: string;
  type: DataType;
  /** Axes of the input: 4, 3 for grey images, or 2 for flattened ones. */
  rank: number;
  layout: 'NCHW' | 'NHWC';
  channels: number;
  /** True where blue comes first. */
  bgr: boolean;
  /** The input holds `pixel · factor + offset`; one number for each channel, in the order of the input. */
  factors: readonly number[];
  offsets: readonly number[];
}

/** Height and width of the images that two models take. */
export interface Sizes {
  from: readonly [height: number, width: number];
  to: readonly [height: number, width: number];
}

/** How an image gets another size: the whole of it, or its middle. */
export type Fitting = 'resize' | 'crop';

/** Shares of red, green and blue in the luminance (ITU-R 601-2, as PIL has it). */
const LUMINANCE = [0.299, 0.587, 0.114];

/**
 * Emits what one model takes of images from what another one takes: layout, channels, normalization, size, type.
 * @throws UserError where colours would have to be made up
 */
export function convertImage(
  g: Emitter,
  value: string,
  from: ImageForm,
  to: ImageForm,
  sizes: Sizes,
  fitting: Fitting,
): string {
  if (from.channels < to.channels)
    throw new UserError('takes colours, and the larger model takes grey images', {
      mend: 'put the model that takes more first in line for the input: a cascade has the inputs of its last model',
    });
  const image = channelsFirst(g, from.type === 'float32' ? value : g.cast(value, DATA_TYPES.float32.code), from, sizes);
  const pixels = resized(g, recoloured(g, image, from, to), sizes, fitting);
  return arranged(g, typed(g, pixels, to.type), to);
}

function channelsFirst(g: Emitter, value: string, { rank, layout, channels }: ImageForm, { from }: Sizes): string {
  if (rank === 3) return g.op('Unsqueeze', [value, g.ints([1])]);
  const [height, width] = from;
  const sized = layout === 'NCHW' ? [0, channels, height, width] : [0, height, width, channels];
  const image = rank === 2 ? g.reshape(value, sized) : value;
  return layout === 'NCHW' ? image : g.transpose(image, [0, 3, 1, 2]);
}

/** Brings channels into the other's order and number, and values into its range. */
function recoloured(g: Emitter, image: string, from: ImageForm, to: ImageForm): string {
  if (from.channels === to.channels) {
    const flips = from.channels === 3 && from.bgr !== to.bgr;
    const source = (channel: number) => (flips ? 2 - channel : channel);
    const factors = to.factors.map((factor, channel) => factor / from.factors[source(channel)]!);
    const offsets = to.offsets.map((offset, k) => offset - factors[k]! * from.offsets[source(k)]!);
    return affine(g, flips ? g.op('Gather', [image, g.ints([2, 1, 0])], { axis: 1 }) : image, factors, offsets);
  }
  const shares = from.bgr ? [...LUMINANCE].reverse() : LUMINANCE;
  const weights = shares.map((share, channel) => (share * to.factors[0]!) / from.factors[channel]!);
  const offset = weights.reduce((sum, weight, channel) => sum - weight * from.offsets[channel]!, to.offsets[0]!);
  const weighed = affine(g, image, weights, [0, 0, 0]);
  return affine(g, g.sum(weighed, [1]), [1], [offset]);
}

/** Differences of numbers that are told with seven digits. */
const ROUNDING = 1e-6;

function affine(g: Emitter, image: string, factors: readonly number[], offsets: readonly number[]): string {
  const perChannel = (values: readonly number[]) =>
    g.constant(Tensor.from(`${g.prefix}/channels`, 'float32', [1, values.length, 1, 1], values as number[]));
  const scaled = factors.every((factor) => Math.abs(factor - 1) < ROUNDING) ? image : g.mul(image, perChannel(factors));
  return offsets.every((offset) => Math.abs(offset) < ROUNDING) ? scaled : g.add(scaled, perChannel(offsets));
}

function resized(g: Emitter, image: string, { from, to }: Sizes, fitting: Fitting): string {
  if (from[0] === to[0] && from[1] === to[1]) return image;
  if (fitting === 'crop') {
    const start = from.map((size, axis) => Math.floor((size - to[axis]!) / 2));
    const end = start.map((begin, axis) => begin + to[axis]!);
    return g.op('Slice', [image, g.ints(start), g.ints(end), g.ints([2, 3])]);
  }
  return g.op('Resize', [image, undefined, undefined, g.ints([...to])], {
    mode: 'linear',
    antialias: 1,
    exclude_outside: 1,
    axes: [2, 3],
  });
}

function typed(g: Emitter, image: string, type: DataType): string {
  if (type === 'float32') return image;
  if (isFloat(type)) return g.cast(image, DATA_TYPES[type].code);
  const rounded = g.op('Round', [image]);
  return g.cast(type === 'uint8' ? g.op('Clip', [rounded, 0, 255]) : rounded, DATA_TYPES[type].code);
}

function arranged(g: Emitter, image: string, { rank, layout }: ImageForm): string {
  if (rank === 3) return g.op('Squeeze', [image, g.ints([1])]);
  const ordered = layout === 'NCHW' ? image : g.transpose(image, [0, 2, 3, 1]);
  return rank === 2 ? g.op('Flatten', [ordered], { axis: 1 }) : ordered;
}
