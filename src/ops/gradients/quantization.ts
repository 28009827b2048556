import type { DataType } from '../../ir/types.js';
import { isEqual } from './masks.js';
import type { GradientRow, Site } from './site.js';

/** Integers that a quantized type holds. */
const INTEGERS: Partial<Record<DataType, readonly [low: number, high: number]>> = {
  uint4: [0, 15],
  int4: [-8, 7],
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

/**
 * Fake quantization, a QuantizeLinear with DequantizeLinear behind it, straight through (Bengio et al. 2013): rounding
 * counts as the identity, so that the gradient passes inside the range of the integers and ends outside. Scales get the
 * gradient of learned step sizes (Esser et al. 2020, equation 3). The gradient of an integer is that of the number that it
 * stands for: both nodes must have the same scale, which `differentiate` sees to.
 */
export const quantization: Record<string, GradientRow> = {
  QuantizeLinear(site) {
    const scale = new Scale(site, site.x);
    const dx = site.g.mul(site.dy, scale.isInside());
    if (site.wants(0)) site.give(0, dx);
    if (site.wants(1)) site.give(1, site.g.neg(scale.ratio(site.g.mul(dx, site.x))));
  },
  DequantizeLinear(site) {
    if (site.wants(0)) site.give(0, site.dy);
    if (site.wants(1)) site.give(1, new Scale(site, site.y).ratio(site.g.mul(site.dy, site.y)));
  },
};

/** The scale of a node: one for all, or one per slice along an axis. */
class Scale {
  private readonly name: string;
  private readonly rank: number;
  /** The axis of the slices; undefined where there is one scale. */
  private readonly axis: number | undefined;

  /** @param real the side of the node that holds floats. */
  constructor(
    private readonly site: Site,
    private readonly real: string,
  ) {
    const { node } = site;
    this.name = node.inputs[1]!;
    this.rank = site.rank(real);
    if (node.int('block_size', 0)) site.refuse('it has scales for blocks');
    this.axis = site.sizes(this.name)?.every((size) => size === 1) ? undefined : site.axis(node.int('axis', 1), real);
  }

  /** 1 where a number lies in the range of the integers, 0 elsewhere. */
  isInside(): string {
    const { g } = this.site;
    const [low, high] = this.bounds();
    const clipped =
      this.axis === undefined
        ? g.op('Clip', [this.real, low, high])
        : g.op('Min', [g.op('Max', [this.real, low]), high]);
    return isEqual(g, this.real, clipped);
  }

  /** The numbers that the smallest and the largest integer stand for, so that they broadcast over the floats. */
  private bounds(): [string, string] {
    const { site } = this;
    const { g } = site;
    const type = site.type(site.y)!;
    const integers = INTEGERS[type] ?? site.refuse(`it rounds to ${type}`);
    const zero = site.input(2);
    const dims = this.axis === undefined ? [] : [-1, ...Array(this.rank - 1 - this.axis).fill(1)];
    return integers.map((integer) => {
      const steps = zero ? g.sub(integer, g.cast(zero, 1)) : integer;
      return g.reshape(g.mul(this.name, steps), dims);
    }) as [string, string];
  }

  /** The sum of terms over what a scale belongs to, divided by it. */
  ratio(terms: string): string {
    const { g } = this.site;
    const axes = Array.from({ length: this.rank }, (_, axis) => axis);
    if (this.axis !== undefined) return g.div(g.sum(terms, axes.toSpliced(this.axis, 1), false), this.name);
    // Channels are summed up last, and by themselves: so it is done in the layout that convolutions have.
    const planes = this.rank > 2 ? g.sum(terms, axes.toSpliced(1, 1), false) : terms;
    return g.div(this.site.reshapeLike(g.sum(planes, undefined, false), this.name), this.name);
  }
}
