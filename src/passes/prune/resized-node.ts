import { Emitter } from '../../ir/emitter.js';
import type { Dim } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { Fraction, ResizeSite } from '../../ops/channels/site.js';

/** The indices that are left of an axis, and how many there were. */
export interface AxisLeft {
  indices: Int32Array;
  of: number;
}

/** What is left of axes that lost indices, by value and axis. */
export type LeftIndices = ReadonlyMap<string, ReadonlyMap<number, AxisLeft>>;

/** A shape once indices are gone. Open sizes stay open. */
export function shapeLeft(dims: readonly Dim[], axes: ReadonlyMap<number, AxisLeft> = new Map()): readonly Dim[] {
  return dims.map((dim, axis) => (typeof dim === 'number' ? (axes.get(axis)?.indices.length ?? dim) : dim));
}

/** A node of a model whose values have lost indices; changes go into the model. */
export class ResizedNode implements ResizeSite {
  constructor(
    private readonly model: Model,
    readonly node: Node,
    private readonly shapes: (value: string) => readonly Dim[] | undefined,
    private readonly axes: LeftIndices,
  ) {}

  get opset(): number {
    return this.model.opset;
  }

  input(position: number): string | undefined {
    return this.node.inputs[position] || undefined;
  }

  constant(position: number): Tensor | undefined {
    return this.model.graph.initializers.get(this.node.inputs[position] ?? '');
  }

  before(value: string): readonly Dim[] {
    return this.shapes(value) ?? [];
  }

  after(value: string): readonly Dim[] {
    return shapeLeft(this.before(value), this.axes.get(value));
  }

  left(value: string, axis: number): Int32Array | undefined {
    return this.axes.get(value)?.get(axis)?.indices;
  }

  fractionLeft(value: string, axis: number): Fraction | undefined {
    const left = this.axes.get(value)?.get(axis);
    return left && [left.indices.length, left.of];
  }

  setNumbers(position: number, values: readonly number[]): void {
    const base = this.input(position) ?? `${this.node.label}_sizes`;
    this.node.inputs[position] = this.model.addInitializer(vectorOf(base, values));
  }

  changeNumbers(position: number, entries: ReadonlyMap<number, number>): void {
    if (!entries.size) return;
    const known = this.constant(position)?.toNumbers();
    if (known) {
      for (const [at, value] of entries) known[at] = value;
      this.setNumbers(position, Array.from(known));
      return;
    }
    const vector = this.input(position)!;
    const changed = this.model.freshName(`${vector}_resized`);
    this.addChanges(vector, this.before(vector)[0] as number, entries, changed);
    this.node.inputs[position] = changed;
  }

  scaleNumbers(position: number, fractions: ReadonlyMap<number, Fraction>): void {
    if (!fractions.size) return;
    const vector = this.input(position)!;
    const length = this.before(vector)[0] as number;
    const nodes: Node[] = [];
    const g = new Emitter(this.model, `${vector}_scaled`, nodes);
    const factors = (k: 0 | 1) => g.ints(Array.from({ length }, (_, at) => fractions.get(at)?.[k] ?? 1));
    const scaled = g.div(g.mul(vector, factors(0)), factors(1));
    this.node.inputs[position] = g.where(g.op('Less', [vector, g.ints([0])]), vector, scaled);
    this.model.graph.nodes.push(...nodes);
  }

  restoreNumbers(entries: ReadonlyMap<number, number>): void {
    if (!entries.size) return;
    const [given] = this.node.outputs as [string];
    this.node.outputs[0] = this.model.freshName(`${given}_computed`);
    this.addChanges(this.node.outputs[0], this.before(given)[0] as number, entries, given);
  }

  /** Emits a node that hands on a vector with other numbers in some places. */
  private addChanges(vector: string, length: number, entries: ReadonlyMap<number, number>, output: string): void {
    const g = new Emitter(this.model, output);
    const places = Array.from({ length }, (_, at) => at);
    const isChanged = places.map((at) => Number(entries.has(at)));
    const mask = g.constantOf('bool', [length], isChanged);
    const numbers = g.ints(places.map((at) => entries.get(at) ?? 0));
    g.rename(g.where(mask, numbers, vector), output);
  }
}

function vectorOf(name: string, values: readonly number[]): Tensor {
  return Tensor.from(name, 'int64', [values.length], values);
}
