import type { Graph } from '../ir/graph.js';
import { cloneNode, type Model } from '../ir/model.js';
import { replaceInNode } from '../ir/uses.js';
import { inferSymbolicShapes } from './symbolic-shapes.js';
import type { ValueFacts } from './value-types.js';

/**
 * Types and symbolic shapes (`inferSymbolicShapes`) for the values of the main graph and of the branches of its If nodes,
 * also nested ones. For that the nodes of all branches are put into the main graph of a copy, which is never run. Where two
 * branches give the same name to values of different shapes, only their type is told.
 */
export async function inferTypesWithBranches(model: Model): Promise<Map<string, ValueFacts>> {
  if (!model.graph.nodes.some((node) => node.type === 'If')) return factsOf(model);
  const probe = model.clone();
  const flat = new Map<string, string>();
  for (const node of [...probe.graph.nodes])
    if (node.type === 'If') for (const branch of node.subgraphs()) flatten(probe, branch, new Map(), flat);
  const facts = new Map<string, ValueFacts>();
  for (const [name, found] of await factsOf(probe)) {
    const inner = flat.get(name) ?? name;
    const known = facts.get(inner);
    facts.set(inner, known && `${known.dims}` !== `${found.dims}` ? { type: found.type } : found);
  }
  return facts;
}

const factsOf = async (model: Model) => (await inferSymbolicShapes(model)).facts;

/** Puts copies of a branch's nodes into the main graph. @param flat gets the branch's name of each new one */
function flatten(probe: Model, branch: Graph, outer: ReadonlyMap<string, string>, flat: Map<string, string>): void {
  const names = new Map(outer);
  const fresh = (name: string) => {
    const replacement = probe.freshName(`${name}/branch`);
    names.set(name, replacement);
    flat.set(replacement, name);
    return replacement;
  };
  for (const [name, tensor] of branch.initializers)
    probe.graph.initializers.set(fresh(name), tensor.renamed(names.get(name)!));
  for (const node of branch.nodes) {
    if (node.type === 'If') for (const inner of node.subgraphs()) flatten(probe, inner, names, flat);
    const copy = cloneNode(node);
    replaceInNode(copy, names);
    copy.outputs = node.outputs.map((output) => output && fresh(output));
    probe.graph.nodes.push(copy);
  }
}
