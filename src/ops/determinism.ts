import type { Node } from '../ir/node.js';

/** Operators that draw random numbers. */
const RANDOM = new Set([
  'Bernoulli',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
]);

/**
 * True where a node gives the same outputs for the same inputs whenever it runs. Operators of other domains are not
 * taken for it; Dropout and BatchNormalization may be in training mode; bodies of control flow are looked into.
 */
export function isDeterministic(node: Node): boolean {
  if (node.type.includes('.') || RANDOM.has(node.type) || node.type === 'Dropout') return false;
  if (node.type === 'BatchNormalization' && node.int('training_mode', 0)) return false;
  return node.subgraphs().every((graph) => graph.nodes.every(isDeterministic));
}
