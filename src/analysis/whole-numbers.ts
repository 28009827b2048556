import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { dataTypeOf } from '../ir/types.js';
import { Size } from './size.js';

/** A scalar or vector of whole numbers as far as they are known: what shape arithmetic works on. */
export interface WholeNumbers {
  /** 0 for a scalar, 1 for a vector. */
  rank: 0 | 1;
  items: readonly (Size | undefined)[];
}

/** What a rule may ask of the node it evaluates. */
export interface Operands {
  node: Node;
  /** The whole numbers of an input; undefined where they are unknown or the input is absent. */
  numbers(input: number): WholeNumbers | undefined;
  /** The shape of an input, where its rank is known. */
  shape(input: number): readonly (Size | undefined)[] | undefined;
}

/** Constants of more elements are no shapes. */
const MOST = 64;

/** The whole numbers in a constant, where it is short enough to be part of shape arithmetic. */
export function numbersOf(tensor: Tensor): WholeNumbers | undefined {
  const whole = ['int64', 'int32', 'bool'].includes(tensor.type);
  if (!whole || tensor.dims.length > 1 || tensor.size > MOST) return undefined;
  return { rank: tensor.dims.length as 0 | 1, items: Array.from(tensor.toNumbers(), Size.of) };
}

/** Evaluates a node of shape arithmetic; undefined where it is none, or nothing is known. */
export function evaluate(operands: Operands): WholeNumbers | undefined {
  const rule = RULES[operands.node.type];
  const result = rule?.(operands);
  return result && result.items.length <= MOST ? result : undefined;
}

type Rule = (operands: Operands) => WholeNumbers | undefined;

const same: Rule = ({ numbers }) => numbers(0);

/** Rules for values of at most one dimension, by operator type. */
const RULES: Record<string, Rule> = {
  Shape({ node, shape }) {
    const dims = shape(0);
    return dims && vector(dims.slice(node.int('start', 0), node.int('end')));
  },
  Size({ shape }) {
    return scalar(productOf(shape(0)));
  },
  Identity: same,
  Cast({ node, numbers }) {
    const type = dataTypeOf(node.int('to', 0));
    return type === 'int64' || type === 'int32' ? numbers(0) : undefined;
  },
  Gather({ node, numbers }) {
    const data = numbers(0);
    const indices = numbers(1);
    if (data?.rank !== 1 || !indices || node.int('axis', 0) > 0) return undefined;
    return { rank: indices.rank, items: indices.items.map((index) => at(data.items, index?.value)) };
  },
  Slice: sliceOf,
  Concat({ node, numbers }) {
    const parts = node.inputs.map((_, i) => numbers(i));
    if (!parts.every((part) => part?.rank === 1)) return undefined;
    return vector(parts.flatMap((part) => part!.items));
  },
  Unsqueeze({ node, numbers }) {
    const data = numbers(0);
    const axes = node.ints('axes') ?? numbers(1)?.items;
    return data?.rank === 0 && axes?.length === 1 ? vector(data.items) : undefined;
  },
  Squeeze({ numbers }) {
    const data = numbers(0);
    return data?.items.length === 1 ? scalar(data.items[0]) : undefined;
  },
  Reshape({ numbers }) {
    const [data, target] = [numbers(0), numbers(1)];
    if (!data || target?.rank !== 1 || target.items.length > 1) return undefined;
    return target.items.length ? vector(data.items) : scalar(data.items[0]);
  },
  ReduceProd({ node, numbers }) {
    const data = numbers(0);
    if (data?.rank !== 1) return undefined;
    const product = productOf(data.items);
    return node.int('keepdims', 1) ? vector([product]) : scalar(product);
  },
  ConstantOfShape({ node, numbers }) {
    const count = numbers(0);
    if (!count || count.items.length > 1) return undefined;
    const length = count.items.length ? count.items[0]?.value : 1;
    const tensor = node.tensor('value');
    const fill = tensor && numbersOf(tensor)?.items[0];
    if (!fill || length === undefined || length > MOST) return undefined;
    return { rank: count.items.length as 0 | 1, items: new Array<Size>(length).fill(fill) };
  },
  Where({ numbers }) {
    const [condition, yes, no] = [numbers(0), numbers(1), numbers(2)];
    if (!condition || !yes || !no) return undefined;
    return broadcast([condition, yes, no], ([c, a, b]) => (c?.value === undefined ? undefined : c.value ? a : b));
  },
  Add: binary((a, b) => a.plus(b)),
  Sub: binary((a, b) => a.minus(b)),
  Mul: binary((a, b) => a.times(b)),
  Div: binary((a, b) => a.truncatedBy(b)),
  Min: binary((a, b) => a.min(b)),
  Max: binary((a, b) => a.max(b)),
  Equal: binary((a, b) => truth(a.equals(b) ? true : apart(a, b) ? false : undefined)),
};

function sliceOf({ node, numbers }: Operands): WholeNumbers | undefined {
  const data = numbers(0);
  if (data?.rank !== 1) return undefined;
  const list = (input: number, attribute: string) => node.ints(attribute)?.[0] ?? numbers(input)?.items[0]?.value;
  const [start, end] = [list(1, 'starts'), list(2, 'ends')];
  const step = node.inputs[4] ? numbers(4)?.items[0]?.value : 1;
  if (start === undefined || end === undefined || step !== 1) return undefined;
  return vector(data.items.slice(start, end));
}

function binary(combine: (a: Size, b: Size) => Size | undefined): Rule {
  return ({ node, numbers }) => {
    const [a, b] = [numbers(0), numbers(1)];
    if (!a || !b || node.inputs.length !== 2) return undefined;
    return broadcast([a, b], ([x, y]) => (exact(x) && exact(y) ? combine(x, y) : undefined));
  };
}

function broadcast(
  parts: readonly WholeNumbers[],
  combine: (items: readonly (Size | undefined)[]) => Size | undefined,
): WholeNumbers | undefined {
  const length = Math.max(...parts.map((part) => part.items.length));
  if (parts.some((part) => part.items.length !== length && part.items.length !== 1)) return undefined;
  const rank = Math.max(...parts.map((part) => part.rank)) as 0 | 1;
  const pick = (part: WholeNumbers, i: number) => part.items[part.items.length === 1 ? 0 : i];
  return { rank, items: Array.from({ length }, (_, i) => combine(parts.map((part) => pick(part, i)))) };
}

/** True where one of two sizes is always larger than the other. */
function apart(a: Size, b: Size): boolean {
  return a.isAtLeast(b.plus(Size.of(1))) || b.isAtLeast(a.plus(Size.of(1)));
}

function truth(value: boolean | undefined): Size | undefined {
  return value === undefined ? undefined : Size.of(Number(value));
}

function vector(items: readonly (Size | undefined)[]): WholeNumbers {
  return { rank: 1, items };
}

function scalar(item: Size | undefined): WholeNumbers {
  return { rank: 0, items: [item] };
}

/** The product of sizes; undefined where one of them is. */
export function productOf(items: readonly (Size | undefined)[] | undefined): Size | undefined {
  if (!items) return undefined;
  return items.reduce((product, item) => product && item && product.times(item), Size.of(1) as Size | undefined);
}

function at(items: readonly (Size | undefined)[], index: number | undefined): Size | undefined {
  return index === undefined ? undefined : items[index < 0 ? index + items.length : index];
}

/** False for the largest int64, which stands for "to the end" and is no exact number here. */
function exact(size: Size | undefined): size is Size {
  return size !== undefined && (size.value === undefined || Number.isSafeInteger(size.value));
}
