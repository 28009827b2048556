import { captures, type Graph, usedValues } from '../../ir/graph.js';

/**
 * Moves constants into the branch that alone takes them, where ONNX Runtime can lay them out for its kernels, and removes
 * those that nothing takes.
 */
export function sinkConstants(graph: Graph): void {
  const users = new Map<string, Set<Graph | undefined>>();
  const note = (name: string, user: Graph | undefined) => users.set(name, (users.get(name) ?? new Set()).add(user));
  const branches = graph.nodes.flatMap((node) => (node.type === 'If' ? node.subgraphs() : []));
  for (const node of graph.nodes) if (node.type !== 'If') for (const name of usedValues(node)) note(name, undefined);
  for (const { type, inputs } of graph.nodes) if (type === 'If') note(inputs[0]!, undefined);
  for (const { name } of [...graph.inputs, ...graph.outputs]) note(name, undefined);
  for (const branch of branches) for (const name of captures(branch)) note(name, branch);
  for (const [name, tensor] of [...graph.initializers]) {
    const [user, ...more] = users.get(name) ?? [];
    if (users.has(name) && (!user || more.length)) continue;
    graph.initializers.delete(name);
    user?.initializers.set(name, tensor);
  }
  for (const branch of branches) sinkConstants(branch);
}
