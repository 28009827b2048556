import type { Model } from './model.js';
import { type AttributeLiteral, Node } from './node.js';
import { Tensor } from './tensor.js';
import type { DataType } from './types.js';

/** The name of a value, or a number that becomes a float32 scalar. */
export type Operand = string | number;

/** Attributes of an emitted node. */
export type Attributes = Record<string, AttributeLiteral | undefined>;

/** Writes nodes at the end of a model's main graph, one expression at a time; each returns the name of its value. */
export class Emitter {
  private readonly constants = new Map<string, string>();

  /**
   * @param prefix begins the name of every value and node that is written.
   * @param nodes where the nodes go: those of the main graph, or of a body that sees its values.
   */
  constructor(
    readonly model: Model,
    readonly prefix: string,
    private readonly nodes: Node[] = model.graph.nodes,
  ) {}

  /** Emits a node with one output. `op` may bear a domain: `com.microsoft.FusedMatMul`. */
  op(op: string, inputs: readonly (Operand | undefined)[], attributes: Attributes = {}): string {
    return this.ops(op, inputs, attributes, 1)[0]!;
  }

  /** Emits a node with several outputs. */
  ops(op: string, inputs: readonly (Operand | undefined)[], attributes: Attributes, outputs: number): string[] {
    const dot = op.lastIndexOf('.');
    const domain = dot < 0 ? '' : op.slice(0, dot);
    const base = `${this.prefix}/${op.slice(dot + 1)}`;
    const names = Array.from({ length: outputs }, () => this.model.freshName(base));
    this.nodes.push(
      new Node({
        op: op.slice(dot + 1),
        domain,
        name: names[0]!,
        inputs: inputs.map((input) => this.operand(input)),
        outputs: names,
        attributes,
      }),
    );
    if (domain && !this.model.opsets.has(domain)) this.model.opsets.set(domain, 1);
    return names;
  }

  /** Emits a node like another of one output, over other inputs. */
  copy(node: Node, inputs: readonly string[]): string {
    const output = this.model.freshName(`${this.prefix}/${node.op}`);
    const { op, domain, attributes } = node;
    const copied = new Node({ op, domain, name: output, inputs, outputs: [output] });
    copied.attributes = new Map(attributes);
    this.nodes.push(copied);
    return output;
  }

  private operand(input: Operand | undefined): string {
    return typeof input === 'number' ? this.scalar(input) : (input ?? '');
  }

  /** A scalar constant. */
  scalar(value: number, type: DataType = 'float32'): string {
    return this.shared(`${type}:${value}`, () => Tensor.from(`${this.prefix}/scalar`, type, [], [value]));
  }

  /** A vector of int64: axes, a shape, starts of a slice. */
  ints(values: readonly number[]): string {
    return this.shared(`ints:${values}`, () =>
      Tensor.from(`${this.prefix}/ints`, 'int64', [values.length], values as number[]),
    );
  }

  /** Any other constant. */
  constant(tensor: Tensor): string {
    return this.model.addInitializer(tensor);
  }

  /** A small constant of any type. */
  constantOf(type: DataType, dims: readonly number[], values: readonly number[]): string {
    return this.shared(`${type}:${dims}:${values}`, () => Tensor.from(`${this.prefix}/constant`, type, dims, values));
  }

  private shared(key: string, make: () => Tensor): string {
    const name = this.constants.get(key) ?? this.constant(make());
    this.constants.set(key, name);
    return name;
  }

  add = (a: Operand, b: Operand): string => this.op('Add', [a, b]);
  sub = (a: Operand, b: Operand): string => this.op('Sub', [a, b]);
  mul = (a: Operand, b: Operand): string => this.op('Mul', [a, b]);
  div = (a: Operand, b: Operand): string => this.op('Div', [a, b]);
  neg = (a: Operand): string => this.op('Neg', [a]);
  where = (condition: string, a: Operand, b: Operand): string => this.op('Where', [condition, a, b]);
  cast = (a: string, to: number): string => this.op('Cast', [a], { to });

  /** Sum over axes (all of them where none are given). */
  sum(a: string, axes?: readonly number[], keepdims = true): string {
    return this.op('ReduceSum', [a, axes && this.ints(axes)], { keepdims: Number(keepdims) });
  }

  transpose(a: string, perm: readonly number[]): string {
    return perm.every((axis, k) => axis === k) ? a : this.op('Transpose', [a], { perm });
  }

  /** Reshape to sizes known now (0 copies a size, -1 is computed), or to a shape computed in the graph. */
  reshape(a: string, shape: readonly number[] | string): string {
    return this.op('Reshape', [a, typeof shape === 'string' ? shape : this.ints(shape)]);
  }

  /** Gives a value that nodes here made another name. */
  rename(value: string, name: string): void {
    const swap = (other: string) => (other === value ? name : other);
    for (const node of this.nodes) {
      node.inputs = node.inputs.map(swap);
      node.outputs = node.outputs.map(swap);
    }
  }

  /** Puts other nodes in the place of one: `build` emits them and gives the values that replace the node's outputs. */
  replace(node: Node, build: (g: Emitter) => readonly string[]): void {
    const nodes: Node[] = [];
    const g = new Emitter(this.model, this.prefix, nodes);
    for (const [k, value] of build(g).entries()) if (node.outputs[k]) g.rename(value, node.outputs[k]);
    this.nodes.splice(this.nodes.indexOf(node), 1, ...nodes);
  }

  shape(a: string): string {
    return this.op('Shape', [a]);
  }
}
