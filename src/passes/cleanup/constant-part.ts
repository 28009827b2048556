import type { Scope } from '../../analysis/scopes.js';
import { inferValueTypes, type ValueFacts, valueBytes } from '../../analysis/value-types.js';
import { messageOf, UserError } from '../../errors.js';
import { usedValues } from '../../ir/graph.js';
import { cloneNode, Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { type Tensor, tensorOfValue } from '../../ir/tensor.js';
import type { DataType } from '../../ir/types.js';
import { encodeModel } from '../../onnx/write.js';
import { isDeterministic } from '../../ops/determinism.js';
import { Session } from '../../runtime/session.js';
import { removeDeadNodes } from './remove-dead-nodes.js';

/** Bytes by which a folded value may exceed the constants that it replaces. */
const MOST_GROWTH = 2 ** 20;
/** Bytes of the largest value that is computed on the way. */
const MOST_BYTES = 2 ** 29;

/** Nodes that stay as they are written: runtimes look for quantization steps, and constants need no folding. */
const KEPT = new Set(['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'Constant']);
/** Operators whose results have sizes that depend on the data but never exceed it by much. */
const BOUNDED = new Set(['NonZero', 'Unique', 'Compress']);
/** Element types that a session's outputs can be read in. */
const READABLE = new Set<DataType>([
  ...(['float32', 'float64', 'float16', 'string', 'bool', 'uint8', 'int8', 'uint16'] as const),
  ...(['int16', 'uint32', 'int32', 'uint64', 'int64'] as const),
]);

/**
 * Replaces the nodes of a graph that depend on constants only by their results, computed in ONNX Runtime in as
 * few goes as their sizes allow: what is computed in one may be the shape of something in the next.
 * @param notes is told which nodes ONNX Runtime could not compute.
 * @returns how many nodes were replaced.
 */
export async function foldConstantPart(model: Model, scope: Scope, notes: Set<string>): Promise<number> {
  let folded = 0;
  let step: number;
  do {
    step = await foldOnce(model, scope, notes);
    folded += step;
  } while (step);
  return folded;
}

async function foldOnce(model: Model, scope: Scope, notes: Set<string>): Promise<number> {
  const candidates = constantNodes(scope);
  if (!candidates.length) return 0;
  const facts = await inferValueTypes(partOf(model, scope, candidates));
  const nodes = computable(candidates, facts);
  const plan = new FoldPlan(scope, nodes, facts);
  const values = new Map<string, Tensor>();
  for (;;) {
    const missing = plan.results().filter((name) => !values.has(name));
    if (!missing.length) break;
    const computed = await compute(partOf(model, scope, nodes), missing, notes);
    for (const [name, tensor] of computed) values.set(name, tensor);
    for (const name of missing) if (!computed.has(name)) plan.keep(name);
  }
  for (const name of plan.results()) scope.graph.initializers.set(name, values.get(name)!);
  scope.graph.removeNodes(plan.replaced);
  return plan.replaced.size;
}

/** Nodes all of whose inputs are constants or made by such nodes, in the order of computation. */
function constantNodes({ graph, constant }: Scope): Node[] {
  graph.sort();
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const made = new Set<string>();
  return graph.nodes.filter((node) => {
    if (KEPT.has(node.type) || !isDeterministic(node) || node.outputs.some((output) => outputs.has(output)))
      return false;
    for (const name of usedValues(node)) if (!made.has(name) && !constant(name)) return false;
    for (const output of node.outputs) made.add(output);
    return true;
  });
}

/** Drops nodes whose results are too large, or of unknown size; those may be known once what they need is folded. */
function computable(nodes: readonly Node[], facts: ReadonlyMap<string, ValueFacts>): Node[] {
  const madeBy = new Set<string>();
  const dropped = new Set<string>();
  return nodes.filter((node) => {
    const used = [...usedValues(node)];
    const sizes = node.outputs.filter(Boolean).map((output) => valueBytes(facts.get(output)));
    const sized = sizes.every((bytes) => bytes !== undefined && bytes <= MOST_BYTES);
    const bounded = BOUNDED.has(node.type) && !used.some((name) => madeBy.has(name));
    const keep = (sized || bounded) && !used.some((name) => dropped.has(name));
    for (const output of node.outputs) (keep ? madeBy : dropped).add(output);
    return keep;
  });
}

/** A model of constant nodes and the constants that they take. */
function partOf(model: Model, scope: Scope, nodes: readonly Node[]): Model {
  const part = new Model();
  if (model.irVersion > part.irVersion) part.irVersion = model.irVersion;
  part.opsets = new Map(model.opsets);
  part.graph.name = 'constants';
  part.graph.nodes = nodes.map(cloneNode);
  for (const node of nodes)
    for (const name of usedValues(node)) {
      const tensor = scope.constant(name);
      if (tensor) part.graph.initializers.set(name, tensor.renamed(name));
    }
  return part;
}

/** Values of a model without inputs; what ONNX Runtime refuses is found by halving, noted and left out. */
async function compute(part: Model, names: readonly string[], notes: Set<string>): Promise<Map<string, Tensor>> {
  try {
    return await runPart(part, names);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (names.length === 1) {
      notes.add(`${names[0]} is constant but could not be computed: ${messageOf(error)}`);
      return new Map();
    }
    const half = names.length >> 1;
    const first = await compute(part, names.slice(0, half), notes);
    return new Map([...first, ...(await compute(part, names.slice(half), notes))]);
  }
}

async function runPart(part: Model, names: readonly string[]): Promise<Map<string, Tensor>> {
  const wanted = part.clone();
  wanted.graph.outputs = names.map((name) => ({ name }));
  await removeDeadNodes.run(wanted);
  const values = await Session.runOnce(encodeModel(wanted), {}, { optimization: 'disabled' }, names);
  return new Map(names.map((name) => [name, tensorOfValue(name, values[name]!)]));
}

/** Which of the constant nodes are replaced, and which of their values become initializers. */
class FoldPlan {
  /** Nodes that go. */
  readonly replaced: Set<Node>;
  private readonly producer: ReadonlyMap<string, Node>;
  private readonly consumers: ReadonlyMap<string, readonly Node[]>;

  constructor(
    private readonly scope: Scope,
    nodes: readonly Node[],
    private readonly facts: ReadonlyMap<string, ValueFacts>,
  ) {
    this.replaced = new Set(nodes);
    ({ producer: this.producer, consumers: this.consumers } = scope.graph.index());
    for (const name of this.results()) if (!READABLE.has(facts.get(name)?.type ?? 'float32')) this.keep(name);
    for (let large = this.tooLarge(); large.length; large = this.tooLarge()) for (const name of large) this.keep(name);
  }

  /** Leaves the node that makes a value where it is. */
  keep(name: string): void {
    this.replaced.delete(this.producer.get(name)!);
  }

  /** Values of replaced nodes that others take. */
  results(): string[] {
    const isTaken = (name: string) => this.consumers.get(name)?.some((node) => !this.replaced.has(node));
    return [...this.replaced].flatMap((node) => node.outputs.filter((output) => output && isTaken(output)));
  }

  private tooLarge(): string[] {
    const freed = new Set<string>();
    return this.results().filter((name) => {
      const bytes = valueBytes(this.facts.get(name)) ?? 0;
      return bytes > MOST_GROWTH && bytes - this.freedBytes(name, freed) > MOST_GROWTH;
    });
  }

  /** Bytes of the constants behind a value that nothing else takes; each counts once. */
  private freedBytes(name: string, freed: Set<string>): number {
    let bytes = 0;
    const seen = new Set<string>();
    const open = [name];
    for (let value = open.pop(); value !== undefined; value = open.pop()) {
      if (seen.has(value)) continue;
      seen.add(value);
      const node = this.producer.get(value);
      if (node && this.replaced.has(node)) open.push(...usedValues(node));
      else if (!freed.has(value) && this.consumers.get(value)?.every((user) => this.replaced.has(user))) {
        freed.add(value);
        bytes += this.scope.graph.initializers.get(value)?.byteLength ?? 0;
      }
    }
    return bytes;
  }
}
