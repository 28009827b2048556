import type { Planes } from './planes.js';

type Pair = readonly [number, number];

/** How many products are added up one after the other at most, where a sum can be cut: rounding errors grow with it. */
const LONGEST_CHAIN = 4096;

/** The windows of a convolution in parts along one axis, over which sums are taken on their own and added at the end. */
export interface WindowParts {
  axis: 0 | 1;
  count: number;
  /** Windows of all parts along both axes; the last part may reach beyond those that there are. */
  windows: Pair;
  /** Windows of one part along both axes. */
  each: Pair;
  /** Windows as [before, parts, behind]: those along axes before the one that is cut, and those of a part behind. */
  before: number;
  behind: number;
}

/** Cuts the longer axis, so that sums over a part have at most `LONGEST_CHAIN` terms, `rows` of them for each window. */
export function partsOf({ windows: [height, width] }: Planes, rows: number): WindowParts {
  const axis = width > height ? 1 : 0;
  const length = axis ? width : height;
  const least = Math.min(length, Math.ceil((rows * height * width) / LONGEST_CHAIN));
  const count = Array.from({ length: least }, (_, k) => least + k).find((parts) => length % parts === 0) ?? least;
  const each = Math.ceil(length / count);
  const along = (size: number): Pair => (axis ? [height, size] : [size, width]);
  const [before, behind] = axis ? [height, each] : [1, each * width];
  return { axis, count, windows: along(count * each), each: along(each), before, behind };
}

/** How far behind the begin of both axes the last tap of the last of so many windows is, padding included. */
export function reach({ kernel, strides, dilations }: Planes, windows: Pair): Pair {
  const along = (axis: 0 | 1) => (kernel[axis] - 1) * dilations[axis] + (windows[axis] - 1) * strides[axis] + 1;
  return [along(0), along(1)];
}

/** Blocked images […, height, width × block] with the padding written into them, as far as the last part reaches. */
export function paddedImages(planes: Planes, { windows }: WindowParts, images: string, rank: number): string {
  const { layout, sizes, begin } = planes;
  const { g, block } = layout;
  const [below, right] = reach(planes, windows).map((span, k) => span - sizes[k]! - begin[k]!) as [number, number];
  const none = Array<number>(rank - 2).fill(0);
  const pads = [...none, begin[0], begin[1] * block, ...none, below, right * block];
  return pads.some(Boolean) ? g.op('Pad', [images, g.ints(pads)]) : images;
}

/** What each part sees of padded images: of rows of [height, width × block], [rows, parts, …]. */
export function imagesOfParts(planes: Planes, parts: WindowParts, images: string, rows: number): string {
  const { g, block } = planes.layout;
  const { axis, count } = parts;
  const [spans, seen] = [reach(planes, parts.windows), reach(planes, parts.each)];
  const step = parts.each[axis] * planes.strides[axis];
  const positions = Array.from({ length: count }, (_, part) =>
    Array.from({ length: seen[axis] }, (_, position) => part * step + position),
  );
  const whole = g.reshape(images, [rows, ...spans, block]);
  const picked = g.op('Gather', [whole, g.ints(positions.flat())], { axis: axis + 1 });
  if (axis === 0 || spans[0] === 1) return picked;
  return g.transpose(g.reshape(picked, [rows, spans[0], count, seen[1] * block]), [0, 2, 1, 3]);
}

/** Blocked values of all windows [rows, …windows × block], zeros appended for those that the last part lacks. */
export function paddedWindows(planes: Planes, parts: WindowParts, value: string, rows: number): string {
  const { layout, windows } = planes;
  const { g, block } = layout;
  const [below, right] = parts.windows.map((size, k) => size - windows[k]!) as [number, number];
  if (!below && !right) return value;
  const split = g.reshape(value, [rows, windows[0], windows[1] * block]);
  return g.op('Pad', [split, g.ints([0, 0, 0, 0, below, right * block])]);
}
