import type { ValueFacts } from '../../analysis/value-types.js';
import { UserError } from '../../errors.js';
import type { Graph } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import { type AttributeLiteral, Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { DataType } from '../../ir/types.js';
import type { KnownTypes } from './types.js';

/**
 * The step of one operator across one version of its schema. Rows exist where a node must change; a change of the
 * schema that leaves every valid node valid and its meaning alone is listed in `unchanged.ts` instead.
 */
export interface UpgradeRow {
  ops: readonly string[];
  /** The operator-set version whose schema the node is brought to. */
  version: number;
  /** The rewrite asks for types or shapes of values. */
  needsTypes?: true;
  /** Changes `site.node` in place and adds nodes around it; the names of the values it gives stay. */
  rewrite(site: Site): void;
}

/** One node on its way across a version, with all that a rewrite may look at or add. */
export class Site {
  /** Nodes that go in front of the node. */
  readonly before: Node[] = [];
  /** Nodes that go behind it. */
  readonly after: Node[] = [];

  /**
   * @param graphs the node's graph first, then the graphs around it.
   * @param version the version that the node is brought to.
   */
  constructor(
    readonly node: Node,
    readonly version: number,
    private readonly model: Model,
    private readonly graphs: readonly [Graph, ...Graph[]],
    private readonly types: KnownTypes,
  ) {}

  /** The constant behind a value of this graph or one around it. */
  constant(name: string): Tensor | undefined {
    for (const graph of this.graphs) {
      const tensor = this.model.constant(name, graph);
      if (tensor) return tensor;
    }
    return undefined;
  }

  /** Element type and shape of a value, as inferred or on record. */
  facts(name = ''): ValueFacts | undefined {
    const constant = this.constant(name);
    return constant ? { type: constant.type, dims: constant.dims } : this.types.byName.get(name);
  }

  /** The element type of the node's input, which its schema says is float. @throws UserError where it is unknown. */
  floatType(index: number): DataType {
    const type = this.facts(this.node.inputs[index])?.type ?? this.types.soleFloat;
    if (!type) throw this.refuse(`the element type of its input ${this.node.inputs[index]} is not known`);
    return type;
  }

  /** True where something takes the node's output. */
  isUsed(index: number): boolean {
    const name = this.node.outputs[index];
    const { consumers, outputs } = this.graphs[0].index();
    return Boolean(name && (consumers.has(name) || outputs.has(name)));
  }

  /** Adds a constant beside the node; returns its name. */
  addConstant(role: string, type: DataType, dims: readonly number[], values: ArrayLike<number>): string {
    return this.add(Tensor.from(this.nameFor(role), type, dims, values));
  }

  /** Adds a vector of 64-bit integers (attributes may hold 2^63 - 1, which a number cannot). */
  addInts(role: string, values: readonly (bigint | number)[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.add(Tensor.of(this.nameFor(role), 'int64', [values.length], data));
  }

  /** Puts a node of one output in front of the node; returns the name of what it gives. */
  insertBefore(op: string, inputs: readonly string[], attributes?: Record<string, AttributeLiteral>): string {
    const output = this.model.freshName(this.nameFor(op));
    this.before.push(this.make(op, inputs, output, attributes));
    return output;
  }

  /**
   * Renames what the node gives and puts another node behind it that gives the old name.
   * @param inputsOf the other node's inputs, from the new name of what the node gives.
   */
  appendAfter(
    index: number,
    op: string,
    inputsOf: (inner: string) => readonly string[],
    attributes?: Record<string, AttributeLiteral>,
  ): void {
    const outer = this.node.outputs[index]!;
    const inner = this.model.freshName(`${outer}_${op}_input`);
    this.node.outputs[index] = inner;
    this.after.push(this.make(op, inputsOf(inner), outer, attributes));
  }

  /** Takes an attribute's integers out of the node, exact beyond 2^53. */
  takeInts(name: string): readonly bigint[] | undefined {
    const attribute = this.node.attributes.get(name);
    this.node.attributes.delete(name);
    if (attribute?.kind === 'int') return [attribute.value];
    return attribute?.kind === 'ints' ? attribute.value : undefined;
  }

  /** Takes an attribute's number out of the node. */
  takeFloat(name: string): number | undefined {
    const value = this.node.float(name);
    this.node.attributes.delete(name);
    return value;
  }

  /** Sets inputs from `first` on; absent ones are empty, and none are kept at the end. */
  setInputs(first: number, ...names: readonly (string | undefined)[]): void {
    const { node } = this;
    while (node.inputs.length < first) node.inputs.push('');
    node.inputs.splice(first, names.length, ...names.map((name) => name ?? ''));
    while (node.inputs.at(-1) === '') node.inputs.pop();
  }

  /** The error of a node that has no equal in the version. */
  refuse(why: string): UserError {
    return new UserError(`cannot be brought to operator set ${this.version}: ${why}`, {
      file: this.model.source?.path,
      where: `node ${this.node.label} (${this.node.type})`,
      mend: 'export the model again with a newer operator set',
    });
  }

  private add(tensor: Tensor): string {
    return this.model.addInitializer(tensor, this.graphs[0]);
  }

  private nameFor(role: string): string {
    return `${this.node.label}_${role}`;
  }

  private make(
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Record<string, AttributeLiteral> = {},
  ) {
    return new Node({ op, name: this.model.freshName(this.nameFor(op)), inputs, outputs: [output], attributes });
  }
}
