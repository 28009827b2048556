import { TO_THE_END } from '../../analysis/shape-rules.js';
import type { ValueFacts } from '../../analysis/value-types.js';
import type { Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';
import { dataTypeOf } from '../../ir/types.js';

/** What a rule may ask about a graph. */
export interface Surroundings {
  /** Version of the default operator set. */
  opset: number;
  /** Type and shape of a value of the main graph; undefined where they are unknown. */
  facts(name: string): ValueFacts | undefined;
  constant(name: string | undefined): Tensor | undefined;
  producer(name: string): Node | undefined;
}

/** The value that a node's first output is no different from; undefined where it may be. */
export function sourceOf(node: Node, around: Surroundings): string | undefined {
  return RULES[node.type]?.(node, around);
}

type Rule = (node: Node, around: Surroundings) => string | undefined;

/** The first input, if the condition holds. */
const first =
  (holds: (node: Node, around: Surroundings) => boolean): Rule =>
  (node, around) =>
    holds(node, around) ? node.inputs[0] : undefined;
const single = first((node) => node.inputs.length === 1 && node.outputs.length === 1);

const RULES: Record<string, Rule> = {
  Identity: first(() => true),
  Dropout: first(isInference),
  Cast: first(
    (node, { facts }) => dataTypeOf(node.int('to', 0)) === facts(node.inputs[0]!)?.type && node.int('to') !== undefined,
  ),
  CastLike: first(({ inputs }, { facts }) => {
    const type = facts(inputs[0]!)?.type;
    return type !== undefined && type === facts(inputs[1]!)?.type;
  }),
  Transpose: first((node, { facts }) => {
    const perm = node.ints('perm');
    return perm ? perm.every((axis, i) => axis === i) : (facts(node.inputs[0]!)?.dims?.length ?? 2) < 2;
  }),
  Pad: first((node, { constant }) => isFilledWith(0, node.ints('pads') ?? constant(node.inputs[1]))),
  Tile: first((node, { constant }) => node.inputs.length === 2 && isFilledWith(1, constant(node.inputs[1]))),
  Expand: first((node, around) => keepsShape(node.inputs[0]!, node, around)),
  Slice: first(takesAll),
  Mul: neutral(1, 'either side'),
  Add: neutral(0, 'either side'),
  Div: neutral(1, 'second'),
  Sub: neutral(0, 'second'),
  Pow: neutral(1, 'second'),
  Concat: single,
  Sum: single,
  Mean: single,
  Max: single,
  Min: single,
};

/** Operators that give the same elements in the same order another shape. */
export const RESHAPING = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);
for (const type of RESHAPING) RULES[type] = unchangedByReshaping;

/** A chain of reshaping that ends in the shape it began with. */
function unchangedByReshaping(node: Node, around: Surroundings): string | undefined {
  for (let step: Node | undefined = node; step && RESHAPING.has(step.type); step = around.producer(step.inputs[0]!))
    if (keepsShape(step.inputs[0]!, node, around)) return step.inputs[0];
  return undefined;
}

function keepsShape(name: string, node: Node, { facts }: Surroundings): boolean {
  const before = facts(name)?.dims;
  const after = facts(node.outputs[0]!)?.dims;
  if (!before || before.length !== after?.length) return false;
  return before.every((dim, i) => dim !== undefined && dim === after[i]);
}

/** Whether a Dropout drops nothing: always from operator set 7 to 11, before by attribute, since by input. */
function isInference(node: Node, { opset, constant }: Surroundings): boolean {
  if (opset < 7) return node.int('is_test', 0) !== 0;
  if (opset < 12 || !node.inputs[2]) return true;
  return isFilledWith(0, constant(node.inputs[2]));
}

function takesAll(node: Node, around: Surroundings): boolean {
  const list = (attribute: string, input: number) => node.ints(attribute) ?? around.constant(node.inputs[input]);
  if (!isFilledWith(0, list('starts', 1))) return false;
  if (node.inputs[4] && !isFilledWith(1, around.constant(node.inputs[4]))) return false;
  const ends = numbersIn(list('ends', 2));
  return ends?.every((end) => end >= TO_THE_END) || keepsShape(node.inputs[0]!, node, around);
}

/** An operator of two operands, one of which is a constant that changes nothing, not even the shape. */
function neutral(value: number, side: 'second' | 'either side'): Rule {
  return (node, around) => {
    for (const [kept, other] of side === 'second'
      ? [[0, 1]]
      : [
          [0, 1],
          [1, 0],
        ]) {
      const operand = around.constant(node.inputs[other!]);
      if (!operand || !isFilledWith(value, operand)) continue;
      if (operand.dims.length === 0 || keepsShape(node.inputs[kept!]!, node, around)) return node.inputs[kept!];
    }
    return undefined;
  };
}

/** Constants with more elements are not looked into. */
const MOST_ELEMENTS = 2 ** 20;

function isFilledWith(value: number, list: readonly number[] | Tensor | undefined): boolean {
  return numbersIn(list)?.every((item) => item === value) ?? false;
}

function numbersIn(list: readonly number[] | Tensor | undefined): readonly number[] | Float64Array | undefined {
  if (!list || !('toNumbers' in list)) return list;
  return list.strings || list.size > MOST_ELEMENTS ? undefined : list.toNumbers();
}
