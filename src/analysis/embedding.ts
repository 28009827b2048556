import type { Model } from '../ir/model.js';
import { computedValues } from './computed-values.js';

/** Layers that scores can come from. */
const LAYERS = new Set([
  ...['Gemm', 'MatMul', 'Conv', 'MatMulInteger', 'QLinearMatMul', 'QLinearConv', 'ConvInteger'],
  ...['com.microsoft.QGemm', 'com.microsoft.MatMulNBits', 'com.microsoft.FusedGemm', 'com.microsoft.FusedMatMul'],
]);

/**
 * The penultimate embedding of a classifier: what its last layer of weights takes.
 * @param output output that holds the scores.
 * @returns undefined where no such layer lies between the inputs and the scores
 */
export function embeddingOf({ graph }: Model, output: string): string | undefined {
  graph.sort();
  const { producer } = graph.index();
  const data = computedValues(graph);
  for (let node = producer.get(output); node; ) {
    const sources = node.inputs.filter((name) => data.has(name));
    if (LAYERS.has(node.type) && sources.length === 1) return sources[0];
    node = producer.get(sources[0] ?? '');
  }
  return undefined;
}
