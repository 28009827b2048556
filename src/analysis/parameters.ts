import type { Graph } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { isFloat } from '../ir/types.js';
import { PASS_ON, QUANTIZED_CONSTANTS } from '../ops/constants.js';

/** A constant of a model and what it is to it. */
export interface ConstantUse {
  tensor: Tensor;
  name: string;
  /** Trained numbers in it: 0 for shapes, indices, scales and zero points. */
  parameters: number;
  /** True for weights that are stored as integers. */
  quantized: boolean;
  /** The operator that computes with it, found behind casts, dequantization and the like; undefined where unused. */
  consumer: Node | undefined;
}

/**
 * Every constant of a model, subgraphs included. Parameters are the elements of float initializers and of Constant
 * nodes with more than one element (a single number there is an epsilon or a factor), and integer weights of quantized
 * operators; scales and zero points count as none, so that quantization keeps the number.
 */
export function constantUses(model: Model): ConstantUse[] {
  return [...model.graph.walk()].flatMap(constantsOf);
}

function constantsOf(graph: Graph): ConstantUse[] {
  const { consumers } = graph.index();
  const scales = scalesOf(graph);
  const uses: ConstantUse[] = [];
  const add = (name: string, tensor: Tensor, isInitializer: boolean) => {
    const takers = consumers.get(name) ?? [];
    const places = takers.flatMap((node) => placesOf(node, name));
    const stored = isByte(tensor) && takers.some((node) => RESTORED_BY.has(node.type) && node.inputs[0] === name);
    const quantized = (places.includes('weight') && !isFloat(tensor.type)) || stored;
    const isFloatWeight = isFloat(tensor.type) && (isInitializer || tensor.size > 1);
    const described = places.includes('qparam') || scales.has(name);
    const parameters = quantized ? unpackedSize(tensor, takers) : isFloatWeight && !described ? tensor.size : 0;
    uses.push({ tensor, name, parameters, quantized, consumer: finalConsumer(name, consumers) });
  };
  for (const [name, tensor] of graph.initializers) add(name, tensor, true);
  for (const node of graph.nodes) {
    const value = node.type === 'Constant' ? node.tensor('value') : undefined;
    if (value) add(node.outputs[0]!, value, false);
  }
  return uses;
}

/** Operators that begin to turn stored integers into floats. */
const RESTORED_BY = new Set(['Cast', 'Gather']);

function isByte({ type, dims }: Tensor): boolean {
  return (type === 'int8' || type === 'uint8') && dims.length > 0;
}

/**
 * Constants that scale integers: the other factor where integers were cast to float, directly or by way of Gather, or
 * where a scale was computed at run time.
 */
function scalesOf(graph: Graph): Set<string> {
  const { producer } = graph.index();
  const scales = new Set<string>();
  const origin = (name: string): string => {
    const node = producer.get(name);
    return node?.type === 'Gather' ? node.inputs[0]! : name;
  };
  const isRestored = (name: string): boolean => {
    const node = producer.get(name);
    if (node?.type === 'DynamicQuantizeLinear') return node.outputs[1] === name;
    const source = node?.type === 'Cast' ? graph.initializers.get(origin(node.inputs[0]!)) : undefined;
    return source !== undefined && isByte(source);
  };
  for (const { type, inputs } of graph.nodes) {
    if (type !== 'Mul') continue;
    const [a, b] = inputs as [string, string];
    if (isRestored(a)) scales.add(origin(b));
    if (isRestored(b)) scales.add(origin(a));
  }
  return scales;
}

type Place = 'weight' | 'qparam' | 'other';

/** What a node takes a constant for, once per input that bears its name. */
function placesOf(node: Node, name: string): Place[] {
  const row = QUANTIZED_CONSTANTS[node.type];
  const place = (position: number): Place =>
    row?.weights?.includes(position) ? 'weight' : row?.qparams?.includes(position) ? 'qparam' : 'other';
  return node.inputs.flatMap((input, position) => (input === name ? [place(position)] : []));
}

/** Elements of a weight; block-quantized ones are packed into bytes, and their node says how many there are. */
function unpackedSize(tensor: Tensor, takers: readonly Node[]): number {
  const packed = takers.find((node) => node.int('bits') !== undefined && node.int('K') && node.int('N'));
  return packed ? packed.int('K', 0) * packed.int('N', 0) : tensor.size;
}

/** Operators that ask for a value's shape or type, and compute nothing with it. */
const ASKING = new Set(['Shape', 'Size', 'CastLike']);

function finalConsumer(name: string, consumers: ReadonlyMap<string, readonly Node[]>): Node | undefined {
  const seen = new Set<Node>();
  let first: Node | undefined;
  for (let value: string | undefined = name; value; ) {
    const takers: readonly Node[] = consumers.get(value)?.filter((taker) => !seen.has(taker)) ?? [];
    const node: Node | undefined = takers.find(({ type }) => !ASKING.has(type)) ?? takers[0];
    if (!node) return first;
    first ??= node;
    if (!PASS_ON.has(node.type)) return node;
    seen.add(node);
    value = node.outputs[0];
  }
  return first;
}

/**
 * Bytes of constants by the operator that computes with them, found behind casts, dequantization and the like. Constants
 * that nothing reads are left out.
 */
export function bytesByOperator(model: Model): Record<string, number> {
  const bytes = new Map<string, number>();
  for (const { tensor, consumer } of constantUses(model))
    if (consumer) bytes.set(consumer.type, (bytes.get(consumer.type) ?? 0) + tensor.byteLength);
  return Object.fromEntries(bytes);
}
