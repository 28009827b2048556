import type { Graph } from '../ir/graph.js';
import { constantValue, type Model } from '../ir/model.js';
import type { Tensor } from '../ir/tensor.js';

/** A graph of a model with the constants that its nodes can see. */
export interface Scope {
  graph: Graph;
  /** True for the model's own graph, false inside an If, Loop or Scan. */
  isMain: boolean;
  /** The constant of this name, in this graph or around it: an initializer nobody can override, or a Constant node. */
  constant(name: string | undefined): Tensor | undefined;
}

/**
 * The main graph and every graph inside it, outermost first. Initializers are looked up as they are at the time of the
 * call, nodes and inputs as they were when the scope was made.
 */
export function* scopes(model: Model): Generator<Scope> {
  yield* scopesIn(model, model.graph, undefined);
}

function* scopesIn(model: Model, graph: Graph, outer: Scope | undefined): Generator<Scope> {
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  const constants = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    const value = node.type === 'Constant' ? constantValue(node) : undefined;
    if (value) constants.set(node.outputs[0]!, value);
  }
  const scope: Scope = {
    graph,
    isMain: !outer,
    constant(name) {
      if (!name) return undefined;
      const own = graph.initializers.get(name);
      if (own) return inputs.has(name) && (outer || model.irVersion >= 4n) ? undefined : own;
      return constants.get(name) ?? (inputs.has(name) || made.has(name) ? undefined : outer?.constant(name));
    },
  };
  yield scope;
  for (const node of graph.nodes) for (const body of node.subgraphs()) yield* scopesIn(model, body, scope);
}
