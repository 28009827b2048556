import { cloneNode, type Model } from '../ir/model.js';
import { replaceInNode } from '../ir/uses.js';
import { keyOf } from './cleanup/common-subexpressions.js';

/**
 * Puts the nodes of a model beside those of another that was made from it, over the same inputs, so that one run computes
 * the values of both. What comes out alike, because nothing before it was changed, is computed once.
 * @param model gets the nodes; its own keep their names.
 * @returns the name that a value of `original` has in `model` now.
 */
export function putBeside(model: Model, original: Model): (name: string) => string {
  const { graph } = model;
  const names = new Map<string, string>();
  for (const [name, tensor] of original.graph.initializers)
    if (graph.initializers.get(name) !== tensor) names.set(name, model.addInitializer(tensor));
  const { producer } = graph.index();
  for (const node of original.graph.nodes) {
    const twin = producer.get(node.outputs.find(Boolean) ?? '');
    const key = twin && String(node.outputs) === String(twin.outputs) ? keyOf(node, names) : undefined;
    if (key !== undefined && key === keyOf(twin!, new Map())) continue;
    const copy = cloneNode(node);
    replaceInNode(copy, names);
    for (const output of node.outputs) if (output) names.set(output, model.freshName(output));
    copy.outputs = node.outputs.map((output) => names.get(output) ?? '');
    copy.name = copy.outputs.find(Boolean) ?? '';
    graph.nodes.push(copy);
  }
  return (name) => names.get(name) ?? name;
}
