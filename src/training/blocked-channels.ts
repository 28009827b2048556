import type { Dim } from '../ir/graph.js';
import type { Node } from '../ir/node.js';
import type { BlockedGraph, BlockedValue } from './blocked-convolutions.js';
import { affine } from './blocked-values.js';

/** Sums and means of a blocked value over its planes, and perhaps the batch. */
export function reduction(graph: BlockedGraph, node: Node): boolean {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  const input = graph.find(x);
  const dims = graph.dims(y);
  const axes = graph.constant(node.inputs[1])?.map((axis) => (axis < 0 ? axis + (input?.dims.length ?? 0) : axis));
  if (!input || !dims || !axes?.length || !graph.isPending(x)) return false;
  const planes = input.dims.map((_, axis) => axis).slice(2);
  const isOverPlanes = planes.every((axis) => axes.includes(axis)) && !axes.includes(1);
  if (!isOverPlanes) return false;
  const overBatch = axes.includes(0);
  const reduced = overPlanes(graph, node.op, input, overBatch);
  const [batch, channels] = input.dims as [Dim, number];
  const keepdims = node.int('keepdims', 1) === 1;
  const rest = keepdims ? planes.map(() => 1) : [];
  const lead = overBatch ? (keepdims ? [1] : []) : [typeof batch === 'number' ? batch : -1];
  graph.g.rename(graph.g.reshape(reduced, [...lead, channels, ...rest]), y);
  return true;
}

/**
 * Reduces a blocked value over its planes to [N, C], or further over the batch to [C].
 * @param op ReduceSum or ReduceMean
 */
export function overPlanes(graph: BlockedGraph, op: string, input: BlockedValue, overBatch: boolean): string {
  const { g, layout } = graph;
  const [, channels, ...sizes] = input.dims as [Dim, number, ...number[]];
  const rows = layout.roundUp(channels);
  const positions = sizes.reduce((product, size) => product * size, 1);
  const reduce = (value: string, axis: number) => g.op(op, [value, g.ints([axis])], { keepdims: 0 });
  const planes = reduce(g.reshape(input.name, [-1, positions, layout.block]), 1);
  const matrix = g.reshape(planes, [-1, rows]);
  const value = overBatch ? reduce(matrix, 0) : matrix;
  return rows === channels ? value : g.op('Slice', [value, g.ints([0]), g.ints([channels]), g.ints([-1])]);
}

/**
 * Batch normalization of a blocked value, an affine map per channel; in training form with the statistics of the batch,
 * of which the variance is computed from centred values.
 */
export function batchNormalization(graph: BlockedGraph, node: Node): boolean {
  const [x, scale, bias, mean, variance] = node.inputs as [string, string, string, string, string];
  const channels = graph.dims(x)?.[1];
  const isTraining = node.int('training_mode', 0) === 1;
  if (!graph.find(x) || !graph.isPending(x) || typeof channels !== 'number') return false;
  if (isTraining && node.float('momentum', 0.9) !== 0) return false;
  const { g } = graph;
  const input = graph.need(x);
  const epsilon = node.float('epsilon', 1e-5);
  const slopeOf = (spread: string) => g.div(graph.plain(scale), g.op('Sqrt', [g.add(spread, epsilon)]));
  if (!isTraining) {
    const factor = slopeOf(graph.plain(variance));
    const shift = g.sub(graph.plain(bias), g.mul(graph.plain(mean), factor));
    graph.put(node.outputs[0]!, affine(graph, input.name, channels, { factor, shift }), node);
    return true;
  }
  const statistic = (value: BlockedValue) => overPlanes(graph, 'ReduceMean', value, true);
  const batchMean = statistic(input);
  const centred = affine(graph, input.name, channels, { shift: g.neg(batchMean) });
  const batchVariance = statistic({ ...input, name: g.mul(centred, centred) });
  const factor = slopeOf(batchVariance);
  graph.put(node.outputs[0]!, affine(graph, centred, channels, { factor, shift: graph.plain(bias) }), node);
  for (const [k, value] of [batchMean, batchVariance].entries())
    if (node.outputs[k + 1]) g.rename(value, node.outputs[k + 1]!);
  return true;
}
