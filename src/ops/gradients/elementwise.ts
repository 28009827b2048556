import { DATA_TYPES } from '../../ir/types.js';
import { isEqual, signOf } from './masks.js';
import type { GradientRow, Site } from './site.js';

/** A row of one input: the gradient from that of the output. */
const unary =
  (derive: (site: Site) => string): GradientRow =>
  (site) => {
    if (site.wants(0)) site.give(0, derive(site));
  };

/** Sums a gradient of the output's shape to the shape of the input that was broadcast to it. */
const reduced = (site: Site, position: number, gradient: string): string =>
  site.unbroadcast(gradient, site.y, site.node.inputs[position]!);

/** Operators that work on each element by itself. */
export const elementwise: Record<string, GradientRow> = {
  Identity: unary(({ dy }) => dy),
  Neg: unary(({ g, dy }) => g.neg(dy)),
  Abs: unary(({ g, dy, x }) => g.mul(dy, signOf(g, x))),
  Reciprocal: unary(({ g, dy, y }) => g.neg(g.mul(dy, g.mul(y, y)))),
  Sqrt: unary(({ g, dy, y }) => g.div(g.mul(dy, 0.5), y)),
  Exp: unary(({ g, dy, y }) => g.mul(dy, y)),
  Log: unary(({ g, dy, x }) => g.div(dy, x)),
  Erf: unary(({ g, dy, x }) => g.mul(g.mul(dy, 2 / Math.sqrt(Math.PI)), g.op('Exp', [g.neg(g.mul(x, x))]))),
  Sin: unary(({ g, dy, x }) => g.mul(dy, g.op('Cos', [x]))),
  Cos: unary(({ g, dy, x }) => g.neg(g.mul(dy, g.op('Sin', [x])))),
  Tan: unary(({ g, dy, y }) => g.mul(dy, g.add(g.mul(y, y), 1))),
  Asin: unary(({ g, dy, x }) => g.div(dy, g.op('Sqrt', [g.sub(1, g.mul(x, x))]))),
  Acos: unary(({ g, dy, x }) => g.neg(g.div(dy, g.op('Sqrt', [g.sub(1, g.mul(x, x))])))),
  Atan: unary(({ g, dy, x }) => g.div(dy, g.add(g.mul(x, x), 1))),
  Sinh: unary(({ g, dy, x }) => g.mul(dy, g.op('Cosh', [x]))),
  Cosh: unary(({ g, dy, x }) => g.mul(dy, g.op('Sinh', [x]))),
  Asinh: unary(({ g, dy, x }) => g.div(dy, g.op('Sqrt', [g.add(g.mul(x, x), 1)]))),
  Acosh: unary(({ g, dy, x }) => g.div(dy, g.op('Sqrt', [g.sub(g.mul(x, x), 1)]))),
  Atanh: unary(({ g, dy, x }) => g.div(dy, g.sub(1, g.mul(x, x)))),
  Cast: unary(castBack),
  CastLike: unary(castBack),
  Dropout: unary(dropout),

  Add: (site) => {
    for (const position of [0, 1]) if (site.wants(position)) site.give(position, reduced(site, position, site.dy));
  },
  Sub: (site) => {
    if (site.wants(0)) site.give(0, reduced(site, 0, site.dy));
    if (site.wants(1)) site.give(1, site.g.neg(reduced(site, 1, site.dy)));
  },
  Mul: (site) => {
    const [a, b] = site.node.inputs as [string, string];
    if (site.wants(0)) site.give(0, reduced(site, 0, site.g.mul(site.dy, b)));
    if (site.wants(1)) site.give(1, reduced(site, 1, site.g.mul(site.dy, a)));
  },
  Div: (site) => {
    const { g, dy, y } = site;
    const b = site.node.inputs[1]!;
    if (site.wants(0)) site.give(0, reduced(site, 0, g.div(dy, b)));
    if (site.wants(1)) site.give(1, g.neg(g.div(reduced(site, 1, g.mul(dy, y)), b)));
  },
  Pow: power,
  Mod: modulo,
  Sum: (site) => {
    for (const position of site.node.inputs.keys())
      if (site.wants(position)) site.give(position, reduced(site, position, site.dy));
  },
  Mean: (site) => {
    const share = site.g.div(site.dy, site.node.inputs.length);
    for (const position of site.node.inputs.keys())
      if (site.wants(position)) site.give(position, reduced(site, position, share));
  },
  Max: extremum,
  Min: extremum,
  Where: (site) => {
    const { g, dy, node } = site;
    if (site.wants(1)) site.give(1, reduced(site, 1, g.where(node.inputs[0]!, dy, 0)));
    if (site.wants(2)) site.give(2, reduced(site, 2, g.where(node.inputs[0]!, 0, dy)));
  },
  Clip: clip,
};

function castBack(site: Site): string {
  const type = site.type(site.x) ?? 'float32';
  return type === site.type(site.y) ? site.dy : site.g.cast(site.dy, DATA_TYPES[type].code);
}

/** The forward node's mask tells what it dropped, where it drops at all. */
function dropout(site: Site): string {
  const { g, node } = site;
  const training = site.input(2);
  if (!training) return site.dy;
  const isTraining = site.constant(training) ?? site.refuse('whether it drops is decided at run time');
  if (!isTraining.toNumbers()[0]) return site.dy;
  node.outputs[1] ||= g.model.freshName(`${site.y}/mask`);
  const kept = g.sub(1, site.input(1) ?? 0.5);
  return g.where(node.outputs[1], g.div(site.dy, kept), 0);
}

/** Elements that are equally large share the gradient, as in PyTorch's `maximum`. */
function extremum(site: Site): void {
  const { g, node } = site;
  if (node.inputs.length === 1) {
    site.give(0, site.dy);
    return;
  }
  const masks = node.inputs.map((input) => isEqual(g, input, site.y));
  const share = g.div(site.dy, g.op('Sum', masks));
  for (const [position, mask] of masks.entries())
    if (site.wants(position)) site.give(position, reduced(site, position, g.mul(share, mask)));
}

/** At a bound the gradient still passes, as in PyTorch's `clamp`; a bound gets the gradients of what lies beyond it. */
function clip(site: Site): void {
  const { g, x, y, dy } = site;
  const [min, max] = [site.input(1), site.input(2)];
  if (site.wants(0)) site.give(0, g.mul(dy, isEqual(g, x, y)));
  const give = (position: number, bound: string, isBeyond: string) =>
    site.give(position, site.reshapeLike(g.sum(g.where(isBeyond, dy, 0), undefined, false), bound));
  // Where the bounds cross, the upper one holds.
  if (max && site.wants(2)) give(2, max, g.op('Greater', [min ? g.op('Max', [x, min]) : x, max]));
  if (min && site.wants(1)) give(1, min, g.op('Less', [x, max ? g.where(g.op('Less', [max, min]), x, min) : min]));
}

/** `∂(a^b)/∂a = b·a^(b-1)`, `∂(a^b)/∂b = a^b·ln a`; the second is 0 at `a = 0`, as in PyTorch. */
function power(site: Site): void {
  const { g, x: a, y, dy } = site;
  if (site.wants(0)) site.give(0, reduced(site, 0, g.mul(dy, powerSlope(site))));
  if (!site.wants(1)) return;
  const isZero = g.op('Equal', [a, 0]);
  const logarithm = g.op('Log', [g.where(isZero, 1, a)]);
  site.give(1, reduced(site, 1, g.mul(dy, g.mul(y, logarithm))));
}

/** The exponents that models have spare Pow, which takes ten times as long as a product. */
function powerSlope(site: Site): string {
  const { g, x: a, y } = site;
  const exponent = site.input(1)!;
  const constant = site.constant(exponent);
  const known = constant?.size === 1 && constant.dims.length <= site.rank(a) ? constant.toNumbers()[0] : undefined;
  if (known === 2) return g.mul(a, 2);
  if (known === 3) return g.mul(g.mul(a, a), 3);
  if (known === 0.5) return g.div(0.5, y);
  if (known === -0.5) return g.mul(g.mul(y, -0.5), g.mul(y, y));
  if (known === -1) return g.neg(g.mul(y, y));
  if (known !== undefined) return known === 0 ? g.mul(y, 0) : g.mul(g.op('Pow', [a, known - 1]), known);
  const b = site.type(exponent) === 'float32' ? exponent : g.cast(exponent, 1);
  return g.where(g.op('Equal', [b, 0]), 0, g.mul(b, g.op('Pow', [a, g.sub(b, 1)])));
}

/** Only C's `fmod` takes floats: `a - trunc(a/b)·b`. */
function modulo(site: Site): void {
  const { g, y, dy } = site;
  const [a, b] = site.node.inputs as [string, string];
  if (site.wants(0)) site.give(0, reduced(site, 0, dy));
  if (site.wants(1)) {
    const quotient = g.op('Round', [g.div(g.sub(a, y), b)]);
    site.give(1, g.neg(reduced(site, 1, g.mul(dy, quotient))));
  }
}
