import { UserError } from '../errors.js';
import type { Graph } from './graph.js';
import type { Model } from './model.js';
import type { Node } from './node.js';

/** Names that can be taken in a graph: its own and those of the graphs around it. */
interface Scope {
  names: Set<string>;
  outer?: Scope | undefined;
}

/**
 * Checks what every pass relies on: values are made once, whatever is taken is made somewhere, and there is no cycle.
 * @param file named in the message.
 * @throws UserError naming the node and the value.
 */
export function checkModel(model: Model, file?: string): void {
  try {
    if (!model.opsets.size && model.irVersion >= 3n)
      throw new UserError('names no operator set', { mend: 'export the model again' });
    checkGraph(model.graph, undefined, '');
  } catch (error) {
    if (!(error instanceof UserError) || !file || error.place.file) throw error;
    throw error.at({ file });
  }
}

function checkGraph(graph: Graph, outer: Scope | undefined, path: string): void {
  const scope: Scope = { names: declared(graph, path), outer };
  const where = (node: Node) => `${path}node ${node.label} (${node.type})`;
  for (const node of graph.nodes)
    for (const output of node.outputs) {
      if (!output) continue;
      if (scope.names.has(output)) throw broken(where(node), `makes the value ${output} a second time`);
      scope.names.add(output);
    }
  for (const node of graph.nodes) {
    if (!node.op) throw broken(where(node), 'names no operator');
    for (const input of node.inputs)
      if (input && !isKnown(input, scope))
        throw broken(where(node), `takes ${input}, which no node, input or initializer provides`);
    for (const inner of node.subgraphs()) checkGraph(inner, scope, `${where(node)}: `);
  }
  for (const output of graph.outputs)
    if (!isKnown(output.name, scope)) throw broken(`${path}output ${output.name}`, 'is made by no node');
  checkAcyclic(graph);
}

/** Names of inputs and initializers; an initializer may stand behind an input of its name. */
function declared(graph: Graph, path: string): Set<string> {
  const names = new Set<string>();
  for (const { name } of graph.inputs) {
    if (names.has(name)) throw broken(`${path}input ${name}`, 'appears twice');
    names.add(name);
  }
  for (const name of graph.initializers.keys()) names.add(name);
  return names;
}

function isKnown(name: string, scope: Scope): boolean {
  for (let at: Scope | undefined = scope; at; at = at.outer) if (at.names.has(name)) return true;
  return false;
}

function checkAcyclic(graph: Graph): void {
  const order = graph.nodes;
  graph.sort();
  graph.nodes = order;
}

function broken(where: string, what: string): UserError {
  return new UserError(what, { where, mend: 'export the model again' });
}
