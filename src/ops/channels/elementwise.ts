import type { ChannelRow, ChannelSite, Place } from './site.js';

/**
 * The axis of an operand that is broadcast along one of a result (ONNX Broadcasting.md), which has so many axes: none where
 * the operand has one index that serves all of the result, as nothing of it has to go then.
 */
export function broadcastPlace(site: ChannelSite, operand: string, axis: number, rank: number): Place[] {
  const own = axis - rank + site.rank(operand);
  return own >= 0 && site.dims(operand)[own] !== 1 ? [[operand, own]] : [];
}

/** Joins the axes of operands with those of a result that they are broadcast to. */
export function joinBroadcast(site: ChannelSite, operands: readonly string[], result: string): void {
  const rank = site.rank(result);
  for (let axis = 0; axis < rank; axis++)
    site.join([result, axis], ...operands.flatMap((operand) => broadcastPlace(site, operand, axis, rank)));
}

/** Every element of the outputs depends on the elements of the inputs at the same place. */
const elementwise: ChannelRow = {
  couple(site) {
    const operands = site.node.inputs.filter(Boolean);
    for (const output of site.node.outputs) if (output) joinBroadcast(site, operands, output);
  },
};

const UNARY = [
  ...['Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'BitwiseNot', 'Cast', 'Ceil', 'Celu', 'Cos', 'Cosh'],
  ...['Dropout', 'Elu', 'Erf', 'Exp', 'Floor', 'Gelu', 'HardSigmoid', 'HardSwish', 'Identity', 'IsInf', 'IsNaN'],
  ...['LeakyRelu', 'Log', 'Mish', 'Neg', 'Not', 'Reciprocal', 'Relu', 'Round', 'Selu', 'Shrink', 'Sigmoid', 'Sign'],
  ...['Sin', 'Sinh', 'Softplus', 'Softsign', 'Sqrt', 'Swish', 'Tan', 'Tanh', 'ThresholdedRelu', 'Clip'],
];

const BINARY = [
  ...['Add', 'And', 'BitShift', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'Div', 'Equal', 'Greater'],
  ...['GreaterOrEqual', 'Less', 'LessOrEqual', 'Max', 'Mean', 'Min', 'Mod', 'Mul', 'Or', 'Pow', 'PRelu', 'Sub', 'Sum'],
  ...['Where', 'Xor'],
];

const MICROSOFT = ['BiasAdd', 'BiasGelu', 'FastGelu', 'Gelu', 'QuickGelu', 'BiasDropout'];

/** Only the type of the second input counts. */
const castLike: ChannelRow = {
  couple(site) {
    joinBroadcast(site, [site.x], site.y);
    const like = site.input(1)!;
    for (let axis = 0; axis < site.rank(like); axis++) site.keep(like, axis);
  },
};

/** Operators that work on elements, with broadcasting. */
export const elementwiseRows: Record<string, ChannelRow> = {
  ...Object.fromEntries(
    [...UNARY, ...BINARY, ...MICROSOFT.map((op) => `com.microsoft.${op}`)].map((type) => [type, elementwise]),
  ),
  CastLike: castLike,
};
