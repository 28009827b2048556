import { UserError } from '../errors.js';
import type { Graph } from './graph.js';
import type { Model } from './model.js';

/**
 * Checks what every pass relies on: values are made once, whatever is taken is made somewhere, and there is no cycle.
 * @param file named in the message.
 * @throws UserError naming the node and the value.
 */
export function checkModel(model: Model, file?: string): void {
  try {
    if (!model.opsets.size && model.irVersion >= 3n)
      throw new UserError('names no operator set', { mend: 'export the model again' });
    checkGraph(model.graph, new Set(), '');
  } catch (error) {
    if (!(error instanceof UserError) || !file || error.place.file) throw error;
    throw new UserError(error.message, { file });
  }
}

function checkGraph(graph: Graph, outer: ReadonlySet<string>, path: string): void {
  const known = new Set(outer);
  for (const input of graph.inputs) known.add(input.name);
  for (const name of graph.initializers.keys()) known.add(name);
  for (const sparse of graph.sparseInitializers) known.add(sparse.name);
  const made = new Set<string>();
  for (const node of graph.nodes)
    for (const output of node.outputs) {
      if (!output) continue;
      if (made.has(output)) throw broken(`${path}node ${node.label}`, `makes the value ${output} a second time`);
      made.add(output);
      known.add(output);
    }
  for (const node of graph.nodes) {
    const where = `${path}node ${node.label} (${node.type})`;
    for (const input of node.inputs)
      if (input && !known.has(input))
        throw broken(where, `takes ${input}, which no node, input or initializer provides`);
    for (const inner of node.subgraphs()) checkGraph(inner, known, `${where}: `);
  }
  for (const output of graph.outputs)
    if (!known.has(output.name)) throw broken(`${path}output ${output.name}`, 'is made by no node');
  checkAcyclic(graph);
}

function checkAcyclic(graph: Graph): void {
  const order = graph.nodes;
  graph.sort();
  graph.nodes = order;
}

function broken(where: string, what: string): UserError {
  return new UserError(what, { where, mend: 'export the model again' });
}
