import { divideOrZero, isEqual, signOf } from './masks.js';
import type { GradientRow, Site } from './site.js';

/** A reduction with its outputs' values and gradients put beside the input, so that they broadcast over it. */
class Reduction {
  readonly axes: string | undefined;

  constructor(readonly site: Site) {
    const attribute = site.node.ints('axes');
    this.axes = attribute ? site.g.ints(attribute) : site.input(1);
  }

  /** A value of the output's shape with the axes that were summed away put back. */
  private beside(value: string): string {
    if (this.site.node.int('keepdims', 1) || !this.axes) return value;
    return this.site.g.op('Unsqueeze', [value, this.axes]);
  }

  get dy(): string {
    return this.beside(this.site.dy);
  }

  get y(): string {
    return this.beside(this.site.y);
  }

  /** Another reduction of a value of the input's shape over the same axes, which stay. */
  again(op: string, value: string): string {
    const noop = this.site.node.int('noop_with_empty_axes');
    return this.site.g.op(op, [value, this.axes], { keepdims: 1, noop_with_empty_axes: noop });
  }

  /** Repeats a value along the reduced axes. */
  expand(value: string): string {
    return this.site.g.op('Expand', [value, this.site.shapeOf(this.site.x)]);
  }

  /** How many elements of the input go into one of the output. */
  get count(): number | string {
    const { g, x, y } = this.site;
    const [from, to] = [this.site.sizes(x), this.site.sizes(y)];
    const product = (sizes: number[]) => sizes.reduce((all, size) => all * size, 1);
    if (from && to) return product(from) / product(to);
    return g.cast(g.op('Div', [g.op('Size', [x]), g.op('Size', [y])]), 1);
  }
}

const reduction =
  (derive: (reduction: Reduction, site: Site) => string): GradientRow =>
  (site) => {
    if (site.wants(0)) site.give(0, derive(new Reduction(site), site));
  };

/** Reductions over axes, and sums along one. Elements that are equally large share the gradient of their maximum. */
export const reductions: Record<string, GradientRow> = {
  ReduceSum: reduction((r) => r.expand(r.dy)),
  ReduceMean: reduction((r, { g }) => r.expand(g.div(r.dy, r.count))),
  ReduceMax: reduction(extremum),
  ReduceMin: reduction(extremum),
  ReduceProd: reduction(product),
  ReduceL1: reduction((r, { g, x }) => g.mul(r.dy, signOf(g, x))),
  ReduceL2: reduction((r, { g, x }) => g.mul(divideOrZero(g, r.dy, r.y), x)),
  ReduceSumSquare: reduction((r, { g, x }) => g.mul(g.mul(r.dy, 2), x)),
  ReduceLogSum: reduction((r, { g }) => r.expand(g.div(r.dy, g.op('Exp', [r.y])))),
  ReduceLogSumExp: reduction((r, { g, x }) => g.mul(r.dy, g.op('Exp', [g.sub(x, r.y)]))),
  CumSum: (site) => {
    const { g, node } = site;
    const reverse = 1 - node.int('reverse', 0);
    const exclusive = node.int('exclusive', 0);
    if (site.wants(0)) site.give(0, g.op('CumSum', [site.dy, node.inputs[1]], { exclusive, reverse }));
  },
};

function extremum(r: Reduction, { g, x }: Site): string {
  const isExtreme = isEqual(g, x, r.y);
  return g.mul(g.div(r.dy, r.again('ReduceSum', isExtreme)), isExtreme);
}

/**
 * Each element's gradient is the product of the others. With zeros taken for ones, that is the product over the
 * element, provided that no other element is zero.
 */
function product(r: Reduction, { g, x }: Site): string {
  const isZero = isEqual(g, x, 0);
  const nonzero = g.add(x, isZero);
  const otherZeros = g.sub(r.again('ReduceSum', isZero), isZero);
  const others = g.div(r.again('ReduceProd', nonzero), nonzero);
  return g.mul(r.dy, g.where(g.op('Equal', [otherZeros, 0]), others, 0));
}
