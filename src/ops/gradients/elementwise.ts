import type { GradientRow, Site } from './site.js';

/** A row of one input: the gradient from that of the output. */
const unary =
  (derive: (site: Site) => string): GradientRow =>
  (site) =>
    site.give(0, derive(site));

/** A row of two inputs that broadcast: what each gets has the output's shape and is summed to its own. */
const binary =
  (
    left: (site: Site, a: string, b: string) => string,
    right: (site: Site, a: string, b: string) => string,
  ): GradientRow =>
  (site) => {
    const [a, b] = site.node.inputs as [string, string];
    if (site.wants(0)) site.give(0, site.unbroadcast(left(site, a, b), site.y, a));
    if (site.wants(1)) site.give(1, site.unbroadcast(right(site, a, b), site.y, b));
  };

/** Operators that work on each element by itself. */
export const elementwise: Record<string, GradientRow> = {
  Identity: unary(({ dy }) => dy),
  Neg: unary(({ g, dy }) => g.neg(dy)),
  Exp: unary(({ g, dy, y }) => g.mul(dy, y)),
  Add: binary(
    ({ dy }) => dy,
    ({ dy }) => dy,
  ),
  Sub: binary(
    ({ dy }) => dy,
    ({ g, dy }) => g.neg(dy),
  ),
  Mul: binary(
    ({ g, dy }, _a, b) => g.mul(dy, b),
    ({ g, dy }, a) => g.mul(dy, a),
  ),
  Div: binary(
    ({ g, dy }, _a, b) => g.div(dy, b),
    ({ g, dy, y }, _a, b) => g.neg(g.mul(dy, g.div(y, b))),
  ),
};
