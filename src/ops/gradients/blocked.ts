import type { Attributes, Emitter } from '../../ir/emitter.js';

const DOMAIN = 'com.microsoft.nchwc';

/** Sizes of a convolution's weight: [filters, channels, taps along each of two axes]. */
export type FilterSizes = readonly [number, number, number, number];

/**
 * Writes convolutions in ONNX Runtime's blocked layout ("NCHWc", ort's MLAS library): channels in blocks that fill a
 * vector register, [batch, channels / block, height, width, block]. The runtime declares such values as [batch, channels,
 * height, width] with the channels rounded up to whole blocks. Its own optimizer writes these operators too, but only for
 * weights that are constant.
 */
export class BlockedLayout {
  /** @param block channels per block: 16 with AVX-512, 8 with AVX. */
  constructor(
    readonly g: Emitter,
    readonly block: number,
  ) {}

  /** Channels rounded up to whole blocks. */
  roundUp(channels: number): number {
    return Math.ceil(channels / this.block) * this.block;
  }

  /** True for a number of channels that can be blocked without wasting too much of what is computed. */
  fits(channels: number): boolean {
    return channels % 4 === 0 && this.roundUp(channels) <= 1.5 * channels;
  }

  /** [N, C, H, W] → blocked; C is a multiple of 4. */
  input(value: string): string {
    return this.g.op(`${DOMAIN}.ReorderInput`, [value]);
  }

  /** Blocked → [N, channels, H, W] */
  output(value: string, channels: number): string {
    return this.g.op(`${DOMAIN}.ReorderOutput`, [value], { channels });
  }

  /** Convolution of a blocked value. `group` counts channels rounded up. */
  conv(value: string, filter: string, attributes: Attributes, bias?: string): string {
    return this.g.op(`${DOMAIN}.Conv`, bias ? [value, filter, bias] : [value, filter], attributes);
  }

  /** A weight [M, C, h, w] as the filter of a convolution over blocked channels; with C = 1 also over plain channels. */
  filter(weight: string, [filters, channels, ...taps]: FilterSizes): string {
    const { g, block } = this;
    const [height, width] = taps;
    const blocked = this.input(g.reshape(weight, [1, filters, channels * height, width]));
    const rows = this.roundUp(filters);
    // [M / block, C, taps, block] is what a convolution over fewer channels than a block takes.
    if (channels < block) return g.reshape(blocked, [rows, channels, ...taps]);
    const columns = this.roundUp(channels);
    const split = g.reshape(blocked, [rows / block, channels, height * width, block]);
    const whole = this.padAxis(split, 1, 4, columns - channels);
    const runs = g.reshape(whole, [rows / block, columns / block, block, height * width, block]);
    return g.reshape(g.transpose(runs, [0, 1, 3, 2, 4]), [rows, columns, ...taps]);
  }

  /**
   * Of a weight [M, C, h, w] the filter [C, M, taps] that sends values back to the channels they came from.
   * @param taps which taps, counted along both axes, in which order; their sizes along both axes follow.
   */
  transposedFilter(
    weight: string,
    [filters, channels, height, width]: FilterSizes,
    taps: readonly number[],
    sizes: readonly [number, number],
  ): string {
    const { g, block } = this;
    const [rows, columns] = [this.roundUp(channels), this.roundUp(filters)];
    const pick = (value: string) => g.op('Gather', [value, g.ints(taps)], { axis: 2 });
    const blocked = g.reshape(this.input(weight), [filters, rows / block, height * width, block]);
    const runs = g.reshape(this.padAxis(blocked, 0, 4, columns - filters), [
      columns / block,
      block,
      rows / block,
      height * width,
      block,
    ]);
    return g.reshape(pick(g.transpose(runs, [2, 0, 3, 1, 4])), [rows, columns, ...sizes]);
  }

  /** Of a depthwise weight [C, 1, h, w] the filter with the given taps. */
  depthwiseFilter(
    weight: string,
    [channels, , height, width]: FilterSizes,
    taps: readonly number[],
    sizes: readonly [number, number],
  ): string {
    const { g, block } = this;
    const rows = this.roundUp(channels);
    const blocked = this.input(g.reshape(weight, [1, channels, height, width]));
    const runs = g.reshape(blocked, [rows / block, height * width, block]);
    return g.reshape(g.op('Gather', [runs, g.ints(taps)], { axis: 1 }), [rows, 1, ...sizes]);
  }

  private padAxis(value: string, axis: number, rank: number, count: number): string {
    if (!count) return value;
    const pads = Array.from({ length: 2 * rank }, (_, k) => (k === rank + axis ? count : 0));
    return this.g.op('Pad', [value, this.g.ints(pads)]);
  }
}
