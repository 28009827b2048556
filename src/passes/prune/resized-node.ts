import { Emitter } from '../../ir/emitter.js';
import type { Dim } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { Fraction, ResizeSite } from '../../ops/channels/site.js';

/** The indices that are left of axes of fixed size, by value and axis. Values that lost nothing have none. */
export type LeftIndices = ReadonlyMap<string, ReadonlyMap<number, Int32Array>>;

/** What part is left of axes of open size that hold a batch times channels, by value and axis. */
export type LeftFractions = ReadonlyMap<string, ReadonlyMap<number, Fraction>>;

/** A shape once indices are gone. */
export function shapeLeft(dims: readonly Dim[], axes: ReadonlyMap<number, Int32Array> | undefined): readonly Dim[] {
  return axes ? dims.map((dim, axis) => axes.get(axis)?.length ?? dim) : dims;
}

/** A node of a model whose values have lost indices; changes go into the model. */
export class ResizedNode implements ResizeSite {
  constructor(
    private readonly model: Model,
    readonly node: Node,
    private readonly shapes: (value: string) => readonly Dim[] | undefined,
    private readonly indices: LeftIndices,
    private readonly fractions: LeftFractions,
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
    return shapeLeft(this.before(value), this.indices.get(value));
  }

  left(value: string, axis: number): Int32Array | undefined {
    return this.indices.get(value)?.get(axis);
  }

  fractionLeft(value: string, axis: number): Fraction | undefined {
    return this.fractions.get(value)?.get(axis);
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
