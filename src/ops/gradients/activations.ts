import { isPositive } from './masks.js';
import type { GradientRow, Site } from './site.js';

/** A row of one input: the gradient is that of the output times a slope, both of the output's shape. */
const slope =
  (derive: (site: Site) => string): GradientRow =>
  (site) => {
    if (site.wants(0)) site.give(0, site.g.mul(site.dy, derive(site)));
  };

/** A slope with one formula above zero and another from zero down. */
const split =
  (above: (site: Site) => number, below: (site: Site) => string): GradientRow =>
  (site) =>
    slope(({ g, x }) => g.where(g.op('Greater', [x, 0]), above(site), below(site)))(site);

const SELU = { alpha: 1.6732631921768188, gamma: 1.0507010221481323 };

/** Activation functions, softmax among them. */
export const activations: Record<string, GradientRow> = {
  Relu: slope(({ g, y }) => isPositive(g, y)),
  LeakyRelu: slope(({ g, x, node }) => {
    const alpha = node.float('alpha', 0.01);
    return g.add(g.mul(isPositive(g, x), 1 - alpha), alpha);
  }),
  PRelu: (site) => {
    const { g, x, dy } = site;
    const factor = site.node.inputs[1]!;
    if (site.wants(0)) site.give(0, g.mul(dy, g.where(g.op('Greater', [x, 0]), 1, factor)));
    if (site.wants(1)) site.give(1, site.unbroadcast(g.mul(dy, g.op('Clip', [x, undefined, 0])), x, factor));
  },
  ThresholdedRelu: slope(({ g, x, node }) => g.cast(g.op('Greater', [x, node.float('alpha', 1)]), 1)),
  Shrink: slope(({ g, x, node }) => g.cast(g.op('Greater', [g.op('Abs', [x]), node.float('lambd', 0.5)]), 1)),
  Elu: split(
    () => 1,
    ({ g, y, node }) => g.add(y, node.float('alpha', 1)),
  ),
  Celu: split(
    () => 1,
    ({ g, y, node }) => g.add(g.div(y, node.float('alpha', 1)), 1),
  ),
  Selu: split(
    ({ node }) => node.float('gamma', SELU.gamma),
    ({ g, y, node }) => g.add(y, node.float('gamma', SELU.gamma) * node.float('alpha', SELU.alpha)),
  ),
  Sigmoid: slope(({ g, y }) => g.mul(y, g.sub(1, y))),
  Tanh: slope(({ g, y }) => g.sub(1, g.mul(y, y))),
  Softplus: slope(({ g, x }) => g.op('Sigmoid', [x])),
  Softsign: (site) => {
    const { g, dy, x } = site;
    const denominator = g.add(g.op('Abs', [x]), 1);
    site.give(0, g.div(dy, g.mul(denominator, denominator)));
  },
  HardSigmoid: slope(({ g, y, node }) => g.mul(isPositive(g, g.mul(y, g.sub(1, y))), node.float('alpha', 0.2))),
  HardSwish: slope(hardSwish),
  Mish: slope(mish),
  Swish: slope((site) => swish(site, site.node.float('alpha', 1))),
  Gelu: slope((site) =>
    site.node.string('approximate', 'none') === 'tanh' ? tanhGelu(site, site.x) : gelu(site, site.x),
  ),
  'com.microsoft.Gelu': slope((site) => gelu(site, site.x)),
  'com.microsoft.QuickGelu': slope((site) => swish(site, site.node.float('alpha', 1.702))),
  'com.microsoft.FastGelu': biased(tanhGelu),
  'com.microsoft.BiasGelu': biased(gelu),
  Softmax: softmax,
  LogSoftmax: logSoftmax,
};

/** An activation of the sum of its input and a bias of one axis, which may be absent. */
function biased(derive: (site: Site, x: string) => string): GradientRow {
  return (site) => {
    const bias = site.input(1);
    const dx = site.g.mul(site.dy, derive(site, bias ? site.g.add(site.x, bias) : site.x));
    site.give(0, dx);
    if (bias && site.wants(1)) site.give(1, site.unbroadcast(dx, site.x, bias));
  };
}

/** `Φ(x) + x·φ(x)` (Hendrycks and Gimpel 2016), with `u = x/√2`: `½(1 + erf u) + u·exp(-u²)/√π`. */
function gelu({ g }: Site, x: string): string {
  const u = g.mul(x, Math.SQRT1_2);
  const distribution = g.op('HardSigmoid', [g.op('Erf', [u])], { alpha: 0.5, beta: 0.5 });
  const density = g.op('Exp', [g.neg(g.mul(u, u))]);
  return g.add(distribution, g.mul(g.mul(u, density), 1 / Math.sqrt(Math.PI)));
}

/** `x·σ(2v)` with `v = √(2/π)·(x + 0.044715·x³)`: the slope is `σ·(1 + x·(1 - σ)·2v′)`. */
function tanhGelu({ g }: Site, x: string): string {
  const scale = 2 * Math.sqrt(2 / Math.PI);
  const ratio = g.add(g.mul(g.mul(x, x), 0.044715 * scale), scale);
  const sigmoid = g.op('Sigmoid', [g.mul(x, ratio)]);
  const derivative = g.sub(g.mul(ratio, 3), 2 * scale);
  return g.mul(sigmoid, g.add(g.mul(g.mul(x, g.sub(1, sigmoid)), derivative), 1));
}

/** `x·σ(αx)`: the slope is `σ + α·y·(1 - σ)`. */
function swish({ g, x, y }: Site, alpha: number): string {
  const sigmoid = g.op('Sigmoid', [alpha === 1 ? x : g.mul(x, alpha)]);
  const rest = g.mul(y, g.sub(1, sigmoid));
  return g.add(sigmoid, alpha === 1 ? rest : g.mul(rest, alpha));
}

/** `x·h` with `h = clip(x/6 + ½, 0, 1)`: `h` outside and `2h - ½` inside, where `h·(1 - h)` is positive. */
function hardSwish({ g, x }: Site): string {
  const h = g.op('HardSigmoid', [x], { alpha: 1 / 6, beta: 0.5 });
  const inside = isPositive(g, g.mul(h, g.sub(1, h)));
  return g.add(h, g.mul(inside, g.sub(h, 0.5)));
}

/** `x·t`, `t = tanh(ln(1 + eˣ)) = w/(w + 2)`, `w = eˣ(eˣ + 2)`: the slope is `t + x·σ(x)·(1 - t²)` (Misra 2019). */
function mish({ g, x }: Site): string {
  const exponential = g.op('Exp', [g.op('Clip', [x, undefined, 20])]);
  const w = g.mul(exponential, g.add(exponential, 2));
  const t = g.div(w, g.add(w, 2));
  return g.add(t, g.mul(g.mul(x, g.op('Sigmoid', [x])), g.sub(1, g.mul(t, t))));
}

function softmax(site: Site): void {
  const { g, dy, y } = site;
  const share = g.mul(dy, y);
  site.give(0, g.sub(share, g.mul(y, g.sum(share, [site.node.int('axis', -1)]))));
}

function logSoftmax(site: Site): void {
  const { g, dy, y } = site;
  site.give(0, g.sub(dy, g.mul(g.op('Exp', [y]), g.sum(dy, [site.node.int('axis', -1)]))));
}
