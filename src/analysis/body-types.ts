import type { Dim, Graph, ValueInfo } from '../ir/graph.js';
import { cloneNode, type Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import { isFloat } from '../ir/types.js';
import { replaceInNode } from '../ir/uses.js';
import { type LoopLayout, loopLayout } from '../ops/loops.js';
import { inferSymbolicShapes } from './symbolic-shapes.js';
import type { ValueFacts } from './value-types.js';

/**
 * Types and symbolic shapes (`inferSymbolicShapes`) for the values of the main graph and of the bodies of its If, Loop and
 * Scan nodes, also nested ones. For that the nodes of all bodies are put into the main graph of a copy, which is never run.
 * A state of a loop is taken to keep the shape that it begins with. Where two bodies give the same name to values of
 * different shapes, only their type is told.
 */
export async function inferTypesWithBodies(model: Model): Promise<Map<string, ValueFacts>> {
  if (!model.graph.nodes.some((node) => node.subgraphs().length)) return factsOf(model);
  const flattened = new Flattened(model.clone());
  const facts = new Map<string, ValueFacts>();
  for (const [name, found] of await factsOf(flattened.probe)) {
    const inner = flattened.origins.get(name) ?? name;
    const known = facts.get(inner);
    facts.set(inner, known && `${known.dims}` !== `${found.dims}` ? { type: found.type } : found);
  }
  return facts;
}

const factsOf = async (model: Model) => (await inferSymbolicShapes(model)).facts;

/** A model whose bodies lie in its main graph, once each. */
class Flattened {
  /** What the values of bodies are called there, by their new names. */
  readonly origins = new Map<string, string>();

  constructor(readonly probe: Model) {
    const { graph } = probe;
    const nodes = [...graph.nodes];
    graph.nodes = [];
    for (const node of nodes) this.place(node, new Map(), (name) => name);
    graph.sort();
  }

  /** Puts a node into the main graph, and the nodes of its bodies with it. @param rename gives outputs their names */
  private place(node: Node, outer: ReadonlyMap<string, string>, rename: (name: string) => string): void {
    const copy = cloneNode(node);
    replaceInNode(copy, outer);
    copy.outputs = node.outputs.map((output) => output && rename(output));
    const layout = loopLayout(copy);
    if (node.type === 'If') for (const branch of copy.subgraphs()) this.flatten(branch, new Map());
    if (layout) this.unroll(copy, layout);
    else this.probe.graph.nodes.push(copy);
  }

  /** Puts copies of a body's nodes into the main graph. @param names new names of the body's inputs; the others follow */
  private flatten(body: Graph, names: Map<string, string>): void {
    for (const [name, tensor] of body.initializers)
      this.probe.graph.initializers.set(this.fresh(name, names), tensor.renamed(names.get(name)!));
    for (const node of body.nodes) this.place(node, names, (name) => this.fresh(name, names));
  }

  private fresh(name: string, names: Map<string, string>): string {
    const replacement = this.probe.freshName(`${name}/body`);
    names.set(name, replacement);
    this.origins.set(replacement, name);
    return replacement;
  }

  /** One step of a loop, and what all its steps give. */
  private unroll(node: Node, { body, states, elements, counters, collected }: LoopLayout): void {
    const names = new Map<string, string>();
    const { probe } = this;
    const emit = (op: string, inputs: string[], output: string, attributes = {}) =>
      probe.graph.nodes.push(new Node({ op, inputs, outputs: [output], attributes }));
    const constant = (dims: number[], value: number) =>
      probe.addInitializer(Tensor.from('index', 'int64', dims, [value]));
    for (const info of counters) this.declare(this.fresh(info.name, names), info);
    for (const { input, position } of states) {
      const name = this.fresh(input.name, names);
      // Whole numbers change from step to step: those of the first are not taken for constants.
      if (input.type?.kind === 'tensor' && !isFloat(input.type.elem)) this.declare(name, input);
      else emit('Identity', [node.inputs[position]!], name);
    }
    for (const { input, position } of elements)
      emit('Gather', [node.inputs[position]!, constant([], 0)], this.fresh(input.name, names), { axis: 0 });
    this.flatten(body, names);
    const inner = (name: string) => names.get(name) ?? name;
    for (const { result, output } of states)
      if (node.outputs[output]) emit('Identity', [inner(result)], node.outputs[output]);
    if (!collected.some(({ output }) => node.outputs[output])) return;
    const kept = probe.freshName('steps');
    probe.graph.inputs.push({ name: kept, type: { kind: 'tensor', elem: 'bool', shape: [undefined] } });
    for (const { result, output } of collected) {
      if (!node.outputs[output]) continue;
      const row = probe.freshName('row');
      emit('Unsqueeze', [inner(result), constant([1], 0)], row);
      emit('Compress', [row, kept], node.outputs[output], { axis: 0 });
    }
  }

  private declare(name: string, { type }: ValueInfo): void {
    const isSize = (dim: Dim) => (typeof dim === 'number' ? dim : undefined);
    const shape = type?.kind === 'tensor' ? type.shape?.map(isSize) : undefined;
    const elem = type?.kind === 'tensor' ? type.elem : 'int64';
    this.probe.graph.inputs.push({ name, type: { kind: 'tensor', elem, shape } });
  }
}
