import type { GradientRow, Site } from './site.js';
import {
  calculate,
  elementsOf,
  padAlong,
  productOf,
  range,
  reshapeTo,
  type Size,
  sizeAt,
  sizesOf,
  zeros,
} from './sizes.js';

/** Slice: the gradient goes to the places that were taken, zeros to the others. */
export const slicing: Record<string, GradientRow> = {
  Slice(site) {
    const taken = takenOf(site);
    site.give(0, taken ? putBack(site, taken) : scatterBack(site));
  },
};

/** What a Slice takes along an axis: `start`, `start + step`, …; a start counts from the end where it is negative. */
interface Taken {
  axis: number;
  start: Size;
  step: number;
}

/** Undefined where axes or steps are known to the running graph only. */
function takenOf(site: Site): Taken[] | undefined {
  const starts = elementsOf(site, site.input(1)!);
  const axes = site.input(3) ? site.constant(site.input(3))?.toNumbers() : starts.map((_, k) => k);
  const steps = site.input(4) ? site.constant(site.input(4))?.toNumbers() : starts.map(() => 1);
  if (!axes || !steps) return undefined;
  return starts.map((start, k) => ({ axis: site.axis(axes[k]!), start, step: steps[k]! }));
}

/** Pads the gradient with zeros up to the shape of the input, after those between the places of a larger step. */
function putBack(site: Site, taken: readonly Taken[]): string {
  const sizes = sizesOf(site, site.y);
  const pads = new Map<number, [Size, Size]>();
  let gradient = site.dy;
  for (const { axis, start, step } of taken) {
    const size = sizeAt(site, site.x, axis);
    const count = sizes[axis]!;
    let begin = placeOf(site, start, size, step);
    if (step < 0) {
      gradient = reversed(site, gradient, axis);
      const last = calculate(site, 'Mul', count, step);
      begin = calculate(site, 'Add', calculate(site, 'Add', begin, last), -step);
    }
    sizes[axis] = calculate(site, 'Mul', count, Math.abs(step));
    if (Math.abs(step) > 1) gradient = spread(site, gradient, axis, Math.abs(step), sizes);
    const end = calculate(site, 'Sub', calculate(site, 'Sub', size, begin), sizes[axis]!);
    if (begin !== 0 || end !== 0) pads.set(axis, [begin, end]);
  }
  return pads.size ? padAlong(site, gradient, site.rank(site.x), pads) : gradient;
}

/** A start counted from the front and brought into the axis, as ONNX Slice does. */
function placeOf(site: Site, start: Size, size: Size, step: number): Size {
  const last = step < 0 ? calculate(site, 'Sub', size, 1) : size;
  if (typeof start === 'number') {
    const near = Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, start));
    if (near === 0) return 0;
    return near < 0
      ? calculate(site, 'Max', calculate(site, 'Add', size, near), 0)
      : calculate(site, 'Min', near, last);
  }
  const { g } = site;
  const fromFront = g.where(g.op('Less', [start, g.ints([0])]), calculate(site, 'Add', start, size) as string, start);
  return calculate(site, 'Min', calculate(site, 'Max', fromFront, 0), last);
}

function reversed({ g }: Site, value: string, axis: number): string {
  return g.op('Slice', [value, g.ints([-1]), g.ints([Number.MIN_SAFE_INTEGER]), g.ints([axis]), g.ints([-1])]);
}

/** Puts `step - 1` zeros behind each element along an axis; `sizes` are those of the result. */
function spread(site: Site, value: string, axis: number, step: number, sizes: readonly Size[]): string {
  const { g } = site;
  const column = g.op('Unsqueeze', [value, g.ints([axis + 1])]);
  return reshapeTo(site, padAlong(site, column, sizes.length + 1, new Map([[axis + 1, [0, step - 1]]])), sizes);
}

/** Slices the positions of the elements as the elements were, and scatters the gradient to what is left of them. */
function scatterBack(site: Site): string {
  const { g, node } = site;
  const count = productOf(site, sizesOf(site, site.x));
  const positions = g.op('Slice', [site.reshapeLike(range(site, count), site.x), ...node.inputs.slice(1)]);
  const flat = (value: string, shape: readonly number[]) => g.reshape(value, shape);
  const inputs = [zeros(site, [count]), flat(positions, [-1, 1]), flat(site.dy, [-1])];
  return site.reshapeLike(g.op('ScatterND', inputs), site.x);
}
