import type { ChannelRow, ChannelSite, ResizeSite } from './site.js';

/** Operators that cut axes into parts, put parts together, and pad. */
export const slicing: Record<string, ChannelRow> = {
  Concat: {
    couple(site) {
      coupleParts(site, site.y, site.node.inputs, site.node.int('axis', 1));
    },
  },
  Split: {
    couple(site) {
      coupleParts(site, site.x, site.node.outputs, site.node.int('axis', 0));
    },
    resize(site) {
      const { node } = site;
      const x = site.input(0)!;
      const axis = node.int('axis', 0);
      const cut = axis < 0 ? axis + site.before(x).length : axis;
      if (!site.left(x, cut)) return;
      node.set('num_outputs', undefined);
      site.setNumbers(
        1,
        node.outputs.map((output) => site.after(output)[cut] as number),
      );
    },
  },
  Slice: { couple: coupleSlice, resize: resizeSlice },
  Pad: { couple: couplePad, resize: resizePad },
};

/** The parts lie one behind the other along an axis of the whole. */
function coupleParts(site: ChannelSite, whole: string, parts: readonly string[], axis: number): void {
  const cut = site.axis(axis, whole);
  const isOpen = typeof site.dims(whole)[cut] !== 'number';
  let begin = 0;
  for (const part of parts) {
    const offset = begin;
    for (let other = 0; other < site.rank(whole); other++)
      if (other !== cut) site.join([whole, other], [part, other]);
      else if (!isOpen) site.join([whole, cut], [part, cut, (index) => index + offset]);
    if (!isOpen) begin += site.size(part, cut);
  }
}

/** What a slice takes of an axis: every `step`th index from `start` on, up to and without `end`. */
interface Range {
  start: number;
  end: number;
  step: number;
}

type Inputs = Pick<ResizeSite, 'constant' | 'input'>;

/** The ranges of a Slice by axis; undefined where they are computed. Ends may lie outside of the axis. */
function rangesOf(site: Inputs, rank: number): Map<number, Range> | undefined {
  const numbers = (position: number) => site.constant(position)?.toNumbers();
  const [starts, ends, axes, steps] = [numbers(1), numbers(2), numbers(3), numbers(4)];
  if (!starts || !ends || (!axes && site.input(3)) || (!steps && site.input(4))) return undefined;
  return new Map(
    Array.from(starts, (start, k) => {
      const axis = axes?.[k] ?? k;
      return [axis < 0 ? axis + rank : axis, { start, end: ends[k]!, step: steps?.[k] ?? 1 }];
    }),
  );
}

function coupleSlice(site: ChannelSite): void {
  const { x, y } = site;
  const ranges = rangesOf(site, site.rank(x)) ?? site.refuse('its bounds are computed');
  for (let axis = 0; axis < site.rank(x); axis++) {
    const range = ranges.get(axis);
    const size = site.dims(x)[axis];
    if (!range) site.join([x, axis], [y, axis]);
    else if (range.step === 1 && typeof size === 'number') {
      const start = Math.min(Math.max(range.start < 0 ? range.start + size : range.start, 0), size);
      site.join([x, axis], [y, axis, (index) => index + start]);
    }
  }
}

/** New bounds of the axes that lost indices. */
function resizeSlice(site: ResizeSite): void {
  const [x, y] = [site.input(0)!, site.node.outputs[0]!];
  const size = (axis: number) => site.before(x)[axis] as number;
  const ranges = [...rangesOf(site, site.before(x).length)!];
  const changed = ranges.map(([axis, range]) => {
    const left = site.left(x, axis);
    if (!left) return range;
    const from = range.start < 0 ? range.start + size(axis) : range.start;
    const start = left.filter((index) => index < from).length;
    return { ...range, start, end: start + (site.after(y)[axis] as number) };
  });
  if (changed.every((range, k) => range === ranges[k]![1])) return;
  site.setNumbers(
    1,
    changed.map(({ start }) => start),
  );
  site.setNumbers(
    2,
    changed.map(({ end }) => end),
  );
}

/** Elements that a Pad adds before and behind an axis. */
type Margins = readonly [before: number, behind: number];

function marginsOf(site: Inputs, rank: number): Map<number, Margins> | undefined {
  const pads = site.constant(1)?.toNumbers();
  const axes = site.constant(3)?.toNumbers();
  if (!pads || (!axes && site.input(3))) return undefined;
  const count = pads.length / 2;
  return new Map(
    Array.from({ length: count }, (_, k) => {
      const axis = axes?.[k] ?? k;
      return [axis < 0 ? axis + rank : axis, [pads[k]!, pads[k + count]!]];
    }),
  );
}

function couplePad(site: ChannelSite): void {
  const { x, y, node } = site;
  const margins = marginsOf(site, site.rank(x)) ?? site.refuse('its sizes are computed');
  const isConstant = node.string('mode', 'constant') === 'constant';
  for (let axis = 0; axis < site.rank(x); axis++) {
    const [before, behind] = margins.get(axis) ?? [0, 0];
    const isStatic = typeof site.dims(x)[axis] === 'number';
    if (!before && !behind) site.join([x, axis], [y, axis]);
    else if (isConstant && isStatic && before >= 0 && behind >= 0)
      site.join([x, axis, (index) => index + before], [y, axis]);
  }
}

/** Elements that were added may have gone as well. */
function resizePad(site: ResizeSite): void {
  const [x, y] = [site.input(0)!, site.node.outputs[0]!];
  const rank = site.before(x).length;
  const margins = [...marginsOf(site, rank)!].map(([axis, [before, behind]]): Margins => {
    const left = site.left(y, axis);
    if (!left || !(before || behind)) return [before, behind];
    const end = before + (site.before(x)[axis] as number);
    return [left.filter((index) => index < before).length, left.filter((index) => index >= end).length];
  });
  const pads = [...margins.map(([before]) => before), ...margins.map(([, behind]) => behind)];
  const known = site.constant(1)!.toNumbers();
  if (pads.some((pad, k) => pad !== known[k])) site.setNumbers(1, pads);
}
