import type { GraphIndex } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { type HalfTarget, halfRow } from '../../ops/half.js';
import type { ValueStatistics } from './calibrate.js';
import { halfLoss, INFINITE, LARGEST_HALF } from './half-constants.js';

/** What the conversion to float16 looks at. */
export interface HalfOptions {
  /** Tells which values are float32 tensors. */
  isFloat32(value: string): boolean;
  /** Tells which values are float16 tensors already; none where absent. */
  isFloat16?(value: string): boolean;
  /** Where the model will run. */
  target: HalfTarget;
  /** Why a node shall stay in float32; undefined where it need not. */
  keep?(node: Node): string | undefined;
  /** Ranges of values that were seen: nodes whose values come near the end of float16 stay in float32. */
  statistics?: ReadonlyMap<string, ValueStatistics> | undefined;
}

/** Values seen beyond this leave too little room for those that were not seen. */
const LARGEST_SEEN = LARGEST_HALF / 2;

/** Operators between a small or squared number and the quotient that it protects or scales. */
const GUARDED: ReadonlySet<string> = new Set(['Add', 'Sub', 'Max', 'Clip', 'Sqrt', 'Pow', 'Reciprocal', 'Log']);
/** Operators that end such a chain: their result is of ordinary size again. */
const QUOTIENTS: ReadonlySet<string> = new Set(['Div', 'Mul']);
/** Operators that are at their steepest near 0, where a number that float16 makes 0 would be missed. */
const STEEP: ReadonlySet<string> = new Set(['Sqrt', 'Log', 'Pow', 'Reciprocal', 'Div']);
/** Operators in which small constants only matter before a steep one. */
const ADDITIVE: ReadonlySet<string> = new Set(['Add', 'Sub', 'Max', 'Clip', 'Where']);
/** Inputs that are added to larger numbers, where small ones do not matter. */
const BIASES: Readonly<Record<string, readonly number[]>> = {
  Conv: [2],
  ConvTranspose: [2],
  Gemm: [2],
  LSTM: [3],
  GRU: [3],
  RNN: [3],
  LayerNormalization: [2],
  InstanceNormalization: [2],
  BatchNormalization: [2, 3],
};
/** Sums whose terms may be squares. */
const SUMS: ReadonlySet<string> = new Set(['ReduceMean', 'ReduceSum']);
const NORMS: ReadonlySet<string> = new Set(['ReduceL2', 'ReduceSumSquare']);
/** Operators that need every digit of positions and sizes counted in float32. */
const EXACT: ReadonlySet<string> = new Set(['Sin', 'Cos', 'Range']);

/** The nodes that stay in float32, each with the reason. */
export function float32Nodes(model: Model, options: HalfOptions): Map<Node, string> {
  const { graph } = model;
  const index = graph.index();
  const kept = new Map<Node, string>();
  const guards: Node[] = [];
  const keep = (node: Node, reason: string) => {
    if (!kept.has(node)) kept.set(node, reason);
  };
  for (const node of graph.nodes) {
    const { keep: reason, float32Inputs } = halfRow(node, model.opset, options.target);
    const wanted = options.keep?.(node) ?? reason ?? rangeReason(node, options);
    if (wanted) keep(node, wanted);
    for (const [input, name] of node.inputs.entries()) {
      const constant = graph.initializers.get(name);
      if (constant?.type !== 'float32' || float32Inputs?.includes(input) || wanted) continue;
      const loss = halfLoss(constant, node, input);
      if (!loss || (loss.kind === 'underflow' && isHarmless(node, input, index))) continue;
      keep(node, loss.reason);
      if (loss.kind === 'underflow') guards.push(node);
    }
    if (NORMS.has(node.type)) guards.push(node);
    const square = SUMS.has(node.type) ? index.producer.get(node.inputs[0]!) : undefined;
    if (!square || !isSquare(square, model)) continue;
    for (const part of [square, node]) keep(part, 'sums of squares leave the range of float16');
    guards.push(node);
  }
  followGuards(guards, index, keep);
  keepCounting(model, options, keep);
  return kept;
}

function rangeReason(node: Node, { statistics }: HalfOptions): string | undefined {
  for (const name of [...node.inputs, ...node.outputs]) {
    const seen = statistics?.get(name);
    const peak = seen ? Math.max(-seen.low, seen.high) : 0;
    if (peak > LARGEST_SEEN && peak < INFINITE)
      return `its values reach ${peak.toPrecision(3)}, near the end of float16 at ${LARGEST_HALF}`;
  }
  return undefined;
}

function isHarmless(node: Node, input: number, index: GraphIndex): boolean {
  if (ADDITIVE.has(node.type))
    return !index.consumers.get(node.outputs[0]!)?.some((consumer) => STEEP.has(consumer.type));
  return BIASES[node.type]?.includes(input) ?? false;
}

function isSquare(node: Node, model: Model): boolean {
  const [a, b] = node.inputs;
  if (node.type === 'Mul') return a === b;
  return node.type === 'Pow' && model.graph.initializers.get(b!)?.toNumbers().join() === '2';
}

/** Keeps what is done with a small or squared number until it is divided by, or its logarithm taken. */
function followGuards(guards: readonly Node[], index: GraphIndex, keep: (node: Node, reason: string) => void): void {
  const open = [...guards];
  const seen = new Set(open);
  for (let node = open.pop(); node; node = open.pop())
    for (const next of index.consumers.get(node.outputs[0]!) ?? []) {
      if (seen.has(next) || QUOTIENTS.has(node.type)) continue;
      if (!GUARDED.has(next.type) && !QUOTIENTS.has(next.type)) continue;
      seen.add(next);
      keep(next, `${node.label} before it needs the range of float32`);
      if (next.type !== 'Log') open.push(next);
    }
}

/**
 * Keeps arithmetic on positions and sizes: float16 has no whole numbers above 2048, so what is counted, and becomes an
 * index or an angle, would be wrong.
 */
function keepCounting(model: Model, options: HalfOptions, keep: (node: Node, reason: string) => void): void {
  const { graph } = model;
  const counted = new Map<string, Node>();
  for (const node of graph.nodes) {
    const floats = node.inputs.filter((name) => name && !graph.initializers.has(name) && options.isFloat32(name));
    const begins = node.type === 'Range' || (node.type === 'Cast' && !floats.length);
    if (begins || (floats.length && floats.every((name) => counted.has(name))))
      for (const output of node.outputs) if (options.isFloat32(output)) counted.set(output, node);
  }
  const open = graph.nodes.filter((node) => needsDigits(node, model, options));
  const seen = new Set(open);
  for (let node = open.pop(); node; node = open.pop()) {
    if (node.inputs.some((name) => counted.has(name)) || counted.get(node.outputs[0]!) === node)
      keep(node, 'it counts positions or sizes, which float16 cannot above 2048');
    for (const name of node.inputs) {
      const producer = counted.get(name);
      if (!producer || seen.has(producer)) continue;
      seen.add(producer);
      open.push(producer);
    }
  }
}

function needsDigits(node: Node, model: Model, { isFloat32, target }: HalfOptions): boolean {
  if (EXACT.has(node.type)) return true;
  if (node.type === 'Cast') return !!node.inputs[0] && isFloat32(node.inputs[0]) && isInteger(node.int('to', 1));
  return (halfRow(node, model.opset, target).float32Inputs ?? []).some((input) => isFloat32(node.inputs[input] ?? ''));
}

/** True for the codes of int8 to uint64 (onnx.proto, `TensorProto.DataType`). */
function isInteger(code: number): boolean {
  return (code >= 2 && code <= 7) || code === 12 || code === 13;
}
