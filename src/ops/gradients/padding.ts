import { type AxisMap, transposedMaps, unitMatrix } from './linear-maps.js';
import type { GradientRow, Site } from './site.js';
import { elementsOf, padAlong, type Size, sizeAt } from './sizes.js';

/** Pad: the gradient without what was added; where values were repeated, their gradients come back to them. */
export const padding: Record<string, GradientRow> = {
  Pad(site) {
    if (site.node.string('mode', 'constant') === 'constant') return constantPad(site);
    site.give(0, transposedMaps(site, repeats(site)));
  },
};

function constantPad(site: Site): void {
  const { g } = site;
  const pads = site.constant(site.input(1))?.toNumbers();
  const inner = pads
    ? padAlong(site, site.dy, site.rank(site.x), negated(site, pads))
    : g.op('Pad', [site.dy, g.neg(site.input(1)!), undefined, site.input(3)]);
  site.give(0, inner);
  if (site.wants(2))
    site.give(
      2,
      site.reshapeLike(g.sub(g.sum(site.dy, undefined, false), g.sum(inner, undefined, false)), site.input(2)!),
    );
}

/** The pads of each axis, so that they take away what was added. */
function negated(site: Site, pads: ArrayLike<number>): Map<number, [number, number]> {
  const count = pads.length / 2;
  return new Map(axesOf(site, count).map((axis, k) => [axis, [0 - pads[k]!, 0 - pads[k + count]!]]));
}

/** Padding that repeats elements, as a matrix for each axis: the rows of the unit matrix, padded alike. */
function repeats(site: Site): AxisMap[] {
  const { node } = site;
  const pads = elementsOf(site, site.input(1)!);
  const count = pads.length / 2;
  const axes = axesOf(site, count);
  const mode = node.string('mode');
  return axes.flatMap((axis, k) => {
    const [begin, end] = [pads[k]!, pads[k + count]!] as [Size, Size];
    if (begin === 0 && end === 0) return [];
    const unit = unitMatrix(site, sizeAt(site, site.x, axis));
    return [{ axis, matrix: padAlong(site, unit, 2, new Map([[0, [begin, end]]]), mode) }];
  });
}

function axesOf(site: Site, count: number): number[] {
  if (!site.input(3)) return Array.from({ length: count }, (_, axis) => axis);
  const axes = site.constant(site.input(3))?.toNumbers();
  return axes ? [...axes].map((axis) => site.axis(axis)) : site.refuse('its axes are not constant');
}
