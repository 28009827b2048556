import { UserError } from '../../errors.js';
import type { Graph } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';

/**
 * Puts the nodes and constants of a model into the main graph of another one, in place, under names that begin with
 * `prefix`. Both have to be in the same operator sets.
 * @param inputs the value of the host that stands for each input of the guest.
 * @returns the name in the host of a value of the guest's main graph
 * @throws UserError where both define a function of the same name
 */
export function embed(
  host: Model,
  guest: Model,
  inputs: ReadonlyMap<string, string>,
  prefix: string,
): (name: string) => string {
  const copy = guest.clone();
  const names = new Map(inputs);
  const rename = (name: string): string => {
    if (!name) return name;
    const known = names.get(name) ?? host.freshName(`${prefix}/${name}`);
    names.set(name, known);
    return known;
  };
  for (const graph of [...copy.graph.walk()]) renameAll(graph, rename);
  host.graph.nodes.push(...copy.graph.nodes);
  for (const [name, tensor] of copy.graph.initializers) host.graph.initializers.set(name, tensor);
  addFunctions(host, guest);
  for (const [domain, version] of guest.opsets) if (!host.opsets.has(domain)) host.opsets.set(domain, version);
  return rename;
}

function renameAll(graph: Graph, rename: (name: string) => string): void {
  for (const info of [...graph.inputs, ...graph.outputs]) info.name = rename(info.name);
  graph.initializers = new Map(
    [...graph.initializers].map(([name, tensor]) => [rename(name), tensor.renamed(rename(name))]),
  );
  graph.valueInfos.clear();
  for (const node of graph.nodes) {
    node.name = rename(node.name);
    node.inputs = node.inputs.map(rename);
    node.outputs = node.outputs.map(rename);
  }
}

function addFunctions(host: Model, guest: Model): void {
  for (const fn of guest.functions) {
    const { domain, name } = fn;
    if (host.functions.some((other) => other.domain === domain && other.name === name))
      throw new UserError(`both models define the function ${domain}.${name}`, {
        file: guest.source?.path,
        mend: 'inline the functions of one of them (onnx.inliner in Python does)',
      });
    host.functions.push(fn);
  }
}
