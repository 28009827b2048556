import type { Dim } from '../ir/graph.js';
import type { Node } from '../ir/node.js';
import type { BlockedGraph } from './blocked-convolutions.js';
import { affine, type ChannelMap, isBlockable, planeSizes } from './blocked-values.js';

/**
 * A node whose operands all have the shape of its result, or hold a value for each channel, plane or everything. Where
 * operands exist in both forms, so does the result: a mask of what a convolution takes plain, for a blocked gradient.
 */
export function elementwise(graph: BlockedGraph, node: Node, wholeBlocks: boolean): boolean {
  const y = node.outputs[0]!;
  const dims = graph.dims(y);
  if (!dims || node.outputs.length > 1) return false;
  const inputs = node.inputs.map((name) => operandOf(graph, name, dims));
  if (!inputs.every((input) => input !== undefined)) return false;
  const whole = inputs.filter((input) => input === 'whole').length;
  const blocked = node.inputs.filter((name, k) => inputs[k] === 'whole' && graph.find(name)).length;
  const waiting = node.inputs.filter((name, k) => inputs[k] === 'whole' && graph.isPending(name)).length;
  const canReorder = node.inputs.every(
    (name, k) => inputs[k] !== 'whole' || graph.find(name) || isBlockable(graph, name),
  );
  const isFlat = inputs.every((input) => input === 'whole' || input === 'scalar');
  const hasBoth = !waiting && isFlat && whole > 0 && blocked === whole;
  if (!(waiting || hasBoth) || 2 * blocked < whole || !canReorder) return false;
  const channels = dims[1] as number;
  if (wholeBlocks && channels % graph.layout.block) return false;
  if (activation(graph, node)) return true;
  const mapped = channelMap(graph, node, inputs as Operand[]);
  if (mapped) {
    graph.put(y, mapped, node);
    return true;
  }
  const { g, layout } = graph;
  const sizes = planeSizes(dims);
  const rows = layout.roundUp(channels);
  const split = (value: string) => g.reshape(value, [-1, rows / layout.block, ...sizes, layout.block]);
  const operands = node.inputs.map((name, k) => {
    if (!name || inputs[k] === 'scalar') return name && graph.plain(name);
    if (inputs[k] === 'whole') return isFlat ? graph.need(name).name : split(graph.need(name).name);
    return narrow(graph, name, dims, inputs[k] as 'channels' | 'planes');
  });
  const result = g.copy(node, operands);
  if (hasBoth) graph.offer(y, result, node);
  else graph.put(y, isFlat ? result : g.reshape(result, [-1, rows, ...sizes]), node);
  return true;
}

/** A product, quotient, sum or difference with a value per channel that is the same for all rows of the batch. */
function channelMap(graph: BlockedGraph, node: Node, operands: readonly Operand[]): string | undefined {
  const whole = operands.indexOf('whole');
  const other = operands.indexOf('channels');
  if (node.inputs.length !== 2 || whole < 0 || other < 0) return undefined;
  const [value, vector] = [node.inputs[whole]!, node.inputs[other]!];
  const channels = graph.dims(value)![1] as number;
  if ((graph.dims(vector) ?? []).reduce<number>((product, size) => product * Number(size), 1) !== channels)
    return undefined;
  const map = CHANNEL_MAPS[node.type]?.(graph, graph.plain(vector), whole === 0);
  return map && affine(graph, graph.need(value).name, channels, map);
}

const CHANNEL_MAPS: Record<string, (graph: BlockedGraph, vector: string, isFirst: boolean) => ChannelMap | undefined> =
  {
    Mul: (_, factor) => ({ factor }),
    Add: (_, shift) => ({ shift }),
    Sub: ({ g }, vector, isFirst) => (isFirst ? { shift: g.neg(vector) } : undefined),
    Div: ({ g }, vector, isFirst) => (isFirst ? { factor: g.op('Reciprocal', [vector]) } : undefined),
  };

/** Writes a Relu into the convolution before it, where that has no other consumer. */
function activation(graph: BlockedGraph, node: Node): boolean {
  if (node.type !== 'Relu') return false;
  const producer = graph.soleProducer(node.inputs[0]!);
  if (producer?.type !== 'com.microsoft.nchwc.Conv' || producer.string('activation')) return false;
  producer.set('activation', 'Relu');
  graph.put(node.outputs[0]!, producer.outputs[0]!, node);
  return true;
}

type Operand = 'whole' | 'scalar' | 'channels' | 'planes';

/** How an operand stretches over the result; undefined where the blocked layout has no such operand. */
function operandOf(graph: BlockedGraph, name: string, result: readonly Dim[]): Operand | undefined {
  if (!name) return 'scalar';
  const own = graph.dims(name);
  if (!own || own.length > result.length) return undefined;
  if (own.every((size) => size === 1)) return 'scalar';
  const dims = [...Array<Dim>(result.length - own.length).fill(1), ...own];
  const isSame = (from: number, to?: number) =>
    dims.slice(from, to).every((size, k) => size !== undefined && size === result[from + k]);
  const isOne = (from: number) => dims.slice(from).every((size) => size === 1);
  const isRow = dims[0] === 1 || isSame(0, 1);
  if (isSame(0) && own.length === result.length) return 'whole';
  if (isRow && isSame(1, 2) && isOne(2)) return 'channels';
  return isRow && dims[1] === 1 && isSame(2) ? 'planes' : undefined;
}

/** An operand per channel or plane, over [N, C / block, H, W, block]. */
function narrow(graph: BlockedGraph, name: string, result: readonly Dim[], kind: 'channels' | 'planes'): string {
  const { g, layout } = graph;
  const sizes = planeSizes(result);
  if (kind === 'planes') return g.reshape(graph.plain(name), [-1, 1, ...sizes, 1]);
  const channels = result[1] as number;
  const matrix = g.reshape(graph.plain(name), [-1, channels]);
  const missing = layout.roundUp(channels) - channels;
  const padded = missing ? g.op('Pad', [matrix, g.ints([0, 0, 0, missing])]) : matrix;
  return g.reshape(padded, [-1, layout.roundUp(channels) / layout.block, 1, 1, layout.block]);
}
