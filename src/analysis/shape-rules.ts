import { Size } from './size.js';
import { type Operands, productOf } from './whole-numbers.js';

/** A shape with the dimensions that are known. */
export type Shape = readonly (Size | undefined)[];

/**
 * The shape of a node's first output where it depends on computed values, or on how symbols compare: what ONNX
 * Runtime's inference leaves open. Undefined where there is no rule or nothing is known.
 */
export function shapeByRule(operands: Operands): Shape | undefined {
  return RULES[operands.node.type]?.(operands);
}

type Rule = (operands: Operands) => Shape | undefined;

const ONE = Size.of(1);

const RULES: Record<string, Rule> = {
  Reshape({ node, shape, numbers }) {
    const input = shape(0);
    const target = numbers(1);
    if (!input || target?.rank !== 1) return undefined;
    const copies = !node.int('allowzero', 0);
    const dims = target.items.map((item, i) => (copies && item?.value === 0 ? input[i] : item));
    const open = dims.findIndex((item) => item?.value === -1);
    const sound = dims.map((item) => (item?.isNatural ? item : undefined));
    if (open < 0) return sound;
    const rest = productOf(sound.toSpliced(open, 1));
    return sound.with(open, rest && productOf(input)?.dividedBy(rest));
  },
  Flatten({ node, shape }) {
    const input = shape(0);
    if (!input) return undefined;
    const axis = node.int('axis', 1);
    const split = axis < 0 ? axis + input.length : axis;
    return [productOf(input.slice(0, split)), productOf(input.slice(split))];
  },
  Expand({ shape, numbers }) {
    const [input, target] = [shape(0), numbers(1)];
    return input && target && broadcast([input, target.items]);
  },
  Tile({ shape, numbers }) {
    const [input, repeats] = [shape(0), numbers(1)?.items];
    return input?.map((size, i) => size && repeats?.[i] && size.times(repeats[i]));
  },
  Resize: ({ node, numbers }) => (node.attributes.has('axes') ? undefined : numbers(3)?.items),
  ConstantOfShape: ({ numbers }) => numbers(0)?.items,
  Range({ numbers }) {
    const [start, limit, delta] = [0, 1, 2].map((input) => numbers(input)?.items[0]);
    if (!start || !limit || delta?.value !== 1) return undefined;
    const length = limit.minus(start);
    return [length.isNatural ? length : undefined];
  },
  Slice: sliceShape,
  Concat({ node, shape }) {
    const parts = node.inputs.map((_, i) => shape(i));
    const first = parts[0];
    if (!first || !parts.every((part) => part?.length === first.length)) return undefined;
    const given = node.int('axis', 1);
    const axis = given < 0 ? given + first.length : given;
    const length = parts.map((part) => part![axis]).reduce((sum, size) => sum && size && sum.plus(size));
    return first.map((size, i) => (i === axis ? length : (size ?? parts.find((part) => part![i])?.[i])));
  },
  Transpose({ node, shape }) {
    const input = shape(0);
    const perm = node.ints('perm') ?? input?.map((_, i) => input.length - 1 - i);
    return input && perm?.map((axis) => input[axis]);
  },
  MatMul({ shape }) {
    const [a, b] = [shape(0), shape(1)];
    if (!a || !b || a.length < 2 || b.length < 2) return undefined;
    return [...(broadcast([a.slice(0, -2), b.slice(0, -2)]) ?? []), a.at(-2), b.at(-1)];
  },
  STFT({ node, shape, numbers }) {
    const [signal, window] = [shape(0), shape(2)];
    const points = numbers(3)?.items[0]?.value ?? window?.[0]?.value;
    const step = numbers(1)?.items[0];
    if (!signal || signal.length < 2) return undefined;
    const span = points === undefined ? undefined : signal[1]?.minus(Size.of(points));
    const frames = step && span?.truncatedBy(step)?.plus(ONE);
    const bins = node.int('onesided', 1) && points !== undefined ? Math.floor(points / 2) + 1 : points;
    return [signal[0], frames, bins === undefined ? undefined : Size.of(bins), Size.of(2)];
  },
};

const elementwise: Rule = ({ node, shape }) => broadcast(node.inputs.map((_, i) => shape(i)));
const like: Rule = ({ shape }) => shape(0);

for (const type of [
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'PRelu', 'Where', 'Min', 'Max', 'Sum', 'Mean'],
  ...['And', 'Or', 'Xor', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'],
])
  RULES[type] = elementwise;
for (const type of [
  ...['Identity', 'Cast', 'CastLike', 'Dropout', 'Clip', 'Softmax', 'LogSoftmax', 'LayerNormalization', 'Not'],
  ...['Relu', 'LeakyRelu', 'Elu', 'Gelu', 'HardSigmoid', 'HardSwish', 'Sigmoid', 'Tanh', 'Erf', 'Exp', 'Log', 'Sqrt'],
  ...['Neg', 'Abs', 'Reciprocal', 'Floor', 'Ceil', 'Round', 'Sign', 'Softplus', 'BatchNormalization'],
])
  RULES[type] = like;

function sliceShape({ node, shape, numbers }: Operands): Shape | undefined {
  const input = shape(0);
  if (!input) return undefined;
  const list = (position: number, attribute: string) =>
    node.ints(attribute)?.map(Size.of) ?? (node.inputs[position] ? numbers(position)?.items : undefined);
  const [starts, ends] = [list(1, 'starts'), list(2, 'ends')];
  const axes = list(3, 'axes') ?? (node.inputs[3] ? undefined : starts?.map((_, i) => Size.of(i)));
  const steps = node.inputs[4] ? list(4, '') : starts?.map(() => ONE);
  if (!starts || !ends || !axes || !steps) return undefined;
  const dims: (Size | undefined)[] = [...input];
  for (const [i, given] of axes.entries()) {
    if (given?.value === undefined) return undefined;
    const axis = given.value < 0 ? given.value + input.length : given.value;
    dims[axis] = steps[i]?.value === 1 ? sliceLength(input[axis], starts[i], ends[i]) : undefined;
  }
  return dims;
}

/** Ends at or beyond this mean the end of the axis: exporters write the largest int32 or int64. */
export const TO_THE_END = 2 ** 31 - 1;

/** Length of a slice of step 1. */
function sliceLength(length: Size | undefined, start: Size | undefined, end: Size | undefined): Size | undefined {
  if (!length || !start || !end) return undefined;
  if ([length, start, end].every((size) => size.value !== undefined)) {
    const clamp = ({ value = 0 }: Size) =>
      Math.max(0, Math.min(value < 0 ? value + length.value! : value, length.value!));
    return Size.of(Math.max(0, clamp(end) - clamp(start)));
  }
  if (start.value !== 0 || !end.isNatural) return undefined;
  return end.value !== undefined && end.value >= TO_THE_END ? length : length.min(end);
}

/** The shape that ONNX's broadcasting gives, provided that it is legal; undefined where a rank is unknown. */
export function broadcast(shapes: readonly (Shape | undefined)[]): Shape | undefined {
  if (!shapes.every((shape) => shape !== undefined)) return undefined;
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) =>
    shapes
      .filter((shape) => shape.length >= rank - i)
      .map((shape) => shape[shape.length - rank + i])
      .reduce(broadcastDim),
  );
}

/** Legal dimensions are equal or 1. So of a symbol and something that cannot exceed it, the symbol is the result. */
function broadcastDim(a: Size | undefined, b: Size | undefined): Size | undefined {
  if (a?.value === 1) return b;
  if (b?.value === 1) return a;
  if (a?.value !== undefined) return a;
  if (b?.value !== undefined) return b;
  if (!a || !b) return undefined;
  if (a.isAtLeast(b)) return a;
  return b.isAtLeast(a) ? b : undefined;
}
