import type { Site } from './site.js';

/** A size: a number, or the name of a vector of one int64 where only the running graph knows it. */
export type Size = number | string;

/** Size of a value along an axis. */
export function sizeAt(site: Site, name: string, axis: number): Size {
  const dim = site.dims(name)[axis];
  return typeof dim === 'number' ? dim : site.g.op('Shape', [name], { start: axis, end: axis + 1 });
}

/** Sizes of a value along the axes from `begin` to before `end`. */
export function sizesOf(site: Site, name: string, begin = 0, end = site.rank(name)): Size[] {
  return Array.from({ length: end - begin }, (_, k) => sizeAt(site, name, begin + k));
}

/** Elements of an integer vector: numbers where it is constant. @throws NoGradient where its length is not known */
export function elementsOf(site: Site, name: string): Size[] {
  const constant = site.constant(name);
  if (constant) return [...constant.toNumbers()];
  const count = site.dims(name)[0];
  if (typeof count !== 'number') site.refuse(`the number of elements of ${name} is not known`);
  const { g } = site;
  const vector = site.type(name) === 'int64' ? name : g.cast(name, INT64);
  return Array.from({ length: count }, (_, k) => g.op('Slice', [vector, g.ints([k]), g.ints([k + 1])]));
}

/** TensorProto.DataType of int64. */
export const INT64 = 7;

const FOLD: Record<string, (a: number, b: number) => number> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Min: Math.min,
  Max: Math.max,
};

/** Arithmetic on sizes: at once where both are numbers, in the graph elsewhere. */
export function calculate(site: Site, op: 'Add' | 'Sub' | 'Mul' | 'Min' | 'Max', a: Size, b: Size): Size {
  if (typeof a === 'number' && typeof b === 'number') return FOLD[op]!(a, b);
  return site.g.op(op, [vectorOf(site, [a]), vectorOf(site, [b])]);
}

export function productOf(site: Site, sizes: readonly Size[]): Size {
  return sizes.reduce(
    (product, size) => (product === 1 ? size : size === 1 ? product : calculate(site, 'Mul', product, size)),
    1,
  );
}

/** Sizes as a vector of int64. */
export function vectorOf(site: Site, sizes: readonly Size[]): string {
  if (sizes.every((size) => typeof size === 'number')) return site.g.ints(sizes);
  const parts = sizes.map((size) => (typeof size === 'number' ? site.g.ints([size]) : size));
  return parts.length === 1 ? parts[0]! : site.g.op('Concat', parts, { axis: 0 });
}

/**
 * Zeros before and behind a value along some axes; negative numbers take elements away. Every axis is named: ONNX
 * Runtime's transpose optimizer takes the pads of a Pad with `axes` for those of all axes.
 */
export function padAlong(
  site: Site,
  value: string,
  rank: number,
  pads: ReadonlyMap<number, readonly [Size, Size]>,
  mode?: string,
): string {
  const sides = Array.from({ length: rank }, (_, axis) => pads.get(axis) ?? ([0, 0] as const));
  const vector = vectorOf(site, [...sides.map(([begin]) => begin), ...sides.map(([, end]) => end)]);
  return site.g.op('Pad', [value, vector], { mode });
}

/** Reshape to sizes. A single one that is not known follows from the others. */
export function reshapeTo(site: Site, value: string, sizes: readonly Size[]): string {
  const isKnown = sizes.filter((size) => typeof size === 'string').length < 2 && !sizes.includes(0);
  return site.g.reshape(
    value,
    isKnown ? sizes.map((size) => (typeof size === 'string' ? -1 : size)) : vectorOf(site, sizes),
  );
}

/** Zeros (float32) of the given sizes. */
export function zeros(site: Site, sizes: readonly Size[]): string {
  return site.g.op('ConstantOfShape', [vectorOf(site, sizes)]);
}

/** Zeros of the shape of a forward value. */
export function zerosLike(site: Site, like: string): string {
  return site.g.op('ConstantOfShape', [site.shapeOf(like)]);
}

/** The numbers from 0 to before `count`, as int64. */
export function range({ g }: Site, count: Size): string {
  const end = typeof count === 'number' ? g.scalar(count, 'int64') : g.reshape(count, []);
  return g.op('Range', [g.scalar(0, 'int64'), end, g.scalar(1, 'int64')]);
}
