import { joinBroadcast } from './elementwise.js';
import { coupleReshape } from './regroup.js';
import type { ChannelRow, Fraction, ResizeSite } from './site.js';

const regrouped: ChannelRow = { couple: (site) => coupleReshape(site, site.x, site.y) };

/** Operators that put elements into another shape or order, or repeat them. */
export const shapes: Record<string, ChannelRow> = {
  Reshape: {
    ...regrouped,
    resize: resizeTarget,
  },
  Flatten: regrouped,
  Squeeze: regrouped,
  Unsqueeze: regrouped,
  Transpose: {
    couple(site) {
      const rank = site.rank(site.x);
      const perm = site.node.ints('perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
      for (const [axis, source] of perm.entries()) site.join([site.x, source], [site.y, axis]);
    },
  },
  Expand: {
    couple(site) {
      const { x, y } = site;
      joinBroadcast(site, [x], y);
    },
    resize(site) {
      const missing = site.before(site.node.outputs[0]!).length - (site.before(site.input(1)!)[0] as number);
      const target = site.constant(1)?.toNumbers();
      const entries = [...changedSizes(site)].map(([axis, size]): [number, number] => [axis - missing, size]);
      site.changeNumbers(1, new Map(entries.filter(([at]) => at >= 0 && target?.[at] !== 1)));
    },
  },
  Tile: {
    couple(site) {
      const { x, y } = site;
      for (let axis = 0; axis < site.rank(x); axis++) {
        const size = site.dims(x)[axis];
        if (size === 1) site.keep(y, axis);
        else if (typeof size === 'number') site.join([x, axis], [y, axis, (index) => index % size]);
      }
    },
    resize(site) {
      const x = site.input(0)!;
      const entries = [...changedSizes(site)].filter(([axis]) => site.before(x)[axis] === 1);
      site.changeNumbers(1, new Map(entries));
    },
  },
  ConstantOfShape: {
    couple(site) {
      for (let axis = 0; axis < site.rank(site.y); axis++) site.keep(site.y, axis);
    },
    resize: (site) => site.changeNumbers(0, changedSizes(site)),
  },
  Shape: {
    couple(site) {
      for (const [axis, dim] of site.dims(site.x).entries()) if (typeof dim === 'number') site.keep(site.x, axis);
    },
    resize: (site) => site.restoreNumbers(sizesGiven(site)),
  },
  DepthToSpace: {
    couple(site) {
      const { x, y, node } = site;
      const depth = site.size(y, 1);
      const block = node.int('blocksize', 1) ** 2;
      const isInner = node.string('mode', 'DCR') === 'DCR';
      site.join([x, 0], [y, 0]);
      site.join([x, 1, isInner ? (index) => index % depth : (index) => Math.floor(index / block)], [y, 1]);
    },
  },
  SpaceToDepth: {
    couple(site) {
      const { x, y } = site;
      const depth = site.size(x, 1);
      site.join([x, 0], [y, 0]);
      site.join([x, 1], [y, 1, (index) => index % depth]);
    },
  },
};

/** Sizes that a target gives: of axes that were static, and of those of open size that hold a batch times channels. */
function resizeTarget(site: ResizeSite): void {
  const y = site.node.outputs[0]!;
  const target = site.constant(1)?.toNumbers();
  site.changeNumbers(1, new Map([...changedSizes(site)].filter(([axis]) => target?.[axis] !== -1)));
  if (target) return;
  const cycles = site.before(y).flatMap((_, axis): [number, Fraction][] => {
    const fraction = site.fractionLeft(y, axis);
    return fraction ? [[axis, fraction]] : [];
  });
  site.scaleNumbers(1, new Map(cycles));
}

/** Sizes of the first output that are not what they were, by axis. */
function changedSizes(site: ResizeSite): Map<number, number> {
  const y = site.node.outputs[0]!;
  const after = site.after(y);
  return new Map(site.before(y).flatMap((dim, axis) => (dim === after[axis] ? [] : [[axis, after[axis] as number]])));
}

/** Sizes that a Shape gave and that are not what they were, by their place in its output. */
function sizesGiven(site: ResizeSite): Map<number, number> {
  const [x, { node }] = [site.input(0)!, site];
  const [before, after] = [site.before(x), site.after(x)];
  const bound = (given: number) => (given < 0 ? given + before.length : Math.min(given, before.length));
  const start = bound(node.int('start', 0));
  const end = bound(node.int('end', before.length));
  const changed = before.flatMap((dim, axis) => (dim === after[axis] || axis < start || axis >= end ? [] : [axis]));
  return new Map(changed.map((axis) => [axis - start, before[axis] as number]));
}
