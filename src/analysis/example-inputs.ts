import { UserError } from '../errors.js';
import type { Dim, ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { encodeNumbers } from '../ir/tensor.js';
import { type DataType, elementCount, isFloat, type NamedValues, type TensorValue } from '../ir/types.js';
import { type Random, seededRandom } from '../random.js';

/** Sizes by the name of an input (its whole shape) or of a symbolic dimension (one size). */
export type GivenShapes = readonly (readonly [name: string, sizes: readonly number[]])[];

/** Lengths of sequences, samples of a second of sound, and edges of images where nothing says otherwise. */
const SEQUENCE = 16;
const SOUND = 16000;
const IMAGE = 224;

/** Sizes of symbolic dimensions by what exporters call them; the first pattern that fits counts. */
const SYMBOL_SIZES: readonly [name: RegExp, size: number][] = [
  [/batch|^(n|b|bs)$/i, 1],
  [/past|cache/i, 0],
  [/seq|len|time|frame|token|step/i, SEQUENCE],
  [/sample|wave|audio/i, SOUND],
  [/height|width|^[hw]$|image/i, IMAGE],
  [/channel|^c$/i, 3],
];

/** The inputs that a caller must feed: those without an initializer behind them. */
export function requiredInputs(model: Model): ValueInfo[] {
  return model.graph.inputs.filter((input) => !model.graph.initializers.has(input.name));
}

/**
 * A shape of sizes for every required input of known rank: batch 1, and for other open dimensions the size that the data
 * at hand has, or else one that suits their symbol or place.
 * @throws UserError where a given shape names nothing in the model, or does not fit.
 */
export function exampleShapes(model: Model, given: GivenShapes = []): Map<string, number[]> {
  const inputs = requiredInputs(model).flatMap(({ name, type }) =>
    type?.kind === 'tensor' && type.shape ? [{ name, elem: type.elem, shape: type.shape }] : [],
  );
  const symbols = new Set(inputs.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string')));
  const sizes = new Map<string, number>();
  const shapes = new Map<string, readonly number[]>();
  for (const [name, wanted] of given) {
    const input = inputs.find((candidate) => candidate.name === name);
    if (input) shapes.set(name, fitting(input.name, input.shape, wanted));
    else if (symbols.has(name) && wanted.length === 1) sizes.set(name, wanted[0]!);
    else
      throw unknownName(
        name,
        inputs.map((candidate) => candidate.name),
        [...symbols],
      );
  }
  const sizeIn = (name: string, elem: DataType, shape: readonly Dim[], axis: number): number => {
    const dim = shape[axis];
    if (typeof dim === 'number') return dim;
    const asked = dim === undefined ? undefined : sizes.get(dim);
    const sample = model.sampleShapes.get(name);
    if (asked === undefined && sample?.length === shape.length) return sample[axis]!;
    if (asked === undefined && axis === shape.length - 1 && isWaveform(elem, shape)) return SOUND;
    return (dim === undefined ? undefined : sizeOf(dim, sizes)) ?? sizeByPlace(axis, shape.length);
  };
  return new Map(
    inputs.map(({ name, elem, shape }) => [
      name,
      [...(shapes.get(name) ?? shape.map((_, axis) => sizeIn(name, elem, shape, axis)))],
    ]),
  );
}

/** True for floats along one open axis, such as `[batch, time]` and `[batch, 1, time]`. */
function isWaveform(elem: DataType, shape: readonly Dim[]): boolean {
  const last = shape.at(-1);
  const isOpen = last === undefined || (typeof last === 'string' && !/past|cache|channel|feature|[+*]/i.test(last));
  return isFloat(elem) && shape.length > 1 && isOpen && shape.slice(1, -1).every((dim) => dim === 1);
}

/**
 * Values for every required input: seeded noise for floats, 1 for masks, ids and the like, counting positions.
 * @throws UserError where an input is no tensor, or of a type that cannot be made up.
 */
export function exampleInputs(model: Model, given: GivenShapes = [], seed = 0): NamedValues {
  const shapes = exampleShapes(model, given);
  const random = seededRandom(seed);
  return Object.fromEntries(
    requiredInputs(model).map(({ name, type }) => {
      const dims = shapes.get(name);
      if (type?.kind !== 'tensor' || !dims)
        throw new UserError('is no tensor of known rank, so no example can be made up', { where: `input ${name}` });
      return [name, exampleValue(name, type.elem, dims, random)];
    }),
  );
}

function exampleValue(name: string, type: DataType, dims: readonly number[], random: Random): TensorValue {
  const count = elementCount(dims);
  if (type === 'string') return { type, dims, data: new Array<string>(count).fill('') };
  const numbers = Float64Array.from({ length: count }, (_, i) => {
    if (isFloat(type)) return random() * 2 - 1;
    if (/position/i.test(name)) return i % (dims.at(-1) ?? 1);
    return /token_type|segment/i.test(name) ? 0 : 1;
  });
  return { type, dims, data: encodeNumbers(type, numbers) };
}

/** A symbol's size: given, known by its name, or computed where it is a sum or product (`past_length + 1`). */
function sizeOf(symbol: string, given: ReadonlyMap<string, number>): number | undefined {
  const exact = given.get(symbol);
  if (exact !== undefined) return exact;
  if (/^\d+$/.test(symbol)) return Number(symbol);
  const sum = symbol.split('+');
  if (sum.length > 1) return sum.reduce((total, term) => total + (sizeOf(term.trim(), given) ?? SEQUENCE), 0);
  const factors = symbol.split('*');
  if (factors.length > 1) return factors.reduce((total, term) => total * (sizeOf(term.trim(), given) ?? SEQUENCE), 1);
  return SYMBOL_SIZES.find(([name]) => name.test(symbol))?.[1];
}

function sizeByPlace(axis: number, rank: number): number {
  if (axis === 0) return 1;
  if (rank === 4 || rank === 5) return axis === 1 ? 3 : IMAGE;
  return SEQUENCE;
}

function fitting(name: string, shape: readonly Dim[], wanted: readonly number[]): readonly number[] {
  const fits = wanted.length === shape.length && shape.every((dim, i) => typeof dim !== 'number' || dim === wanted[i]);
  if (fits) return wanted;
  throw new UserError(`${wanted.join('x')} does not fit the input's shape ${formatDims(shape)}`, {
    file: '--shape',
    where: name,
    mend: 'give every dimension, with the fixed ones as they are',
  });
}

function unknownName(name: string, inputs: readonly string[], symbols: readonly string[]): UserError {
  const names = [`inputs: ${inputs.join(', ')}`, ...(symbols.length ? [`symbols: ${symbols.join(', ')}`] : [])];
  return new UserError(`'${name}' is neither an input with a shape nor a symbol with one size (${names.join('; ')})`, {
    file: '--shape',
  });
}

/** A shape for people: `[batch, 3, 224, 224]`, with `?` for what is unknown. */
export function formatDims(dims: readonly Dim[] | undefined): string {
  return dims ? `[${dims.map((dim) => dim ?? '?').join(', ')}]` : '[…]';
}
