import type { Dim } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { ResizeSite } from '../../ops/channels/site.js';

/** A node of a model whose values have lost indices; changes go into the model. */
export class ResizedNode implements ResizeSite {
  constructor(
    private readonly model: Model,
    readonly node: Node,
    private readonly shapes: (value: string) => readonly Dim[] | undefined,
    private readonly indices: ReadonlyMap<string, ReadonlyMap<number, Int32Array>>,
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
    const axes = this.indices.get(value);
    return this.before(value).map((dim, axis) => axes?.get(axis)?.length ?? dim);
  }

  left(value: string, axis: number): Int32Array | undefined {
    return this.indices.get(value)?.get(axis);
  }

  setNumbers(position: number, values: readonly number[]): void {
    const base = this.input(position) ?? `${this.node.label}_sizes`;
    this.node.inputs[position] = this.model.addInitializer(vectorOf(base, values));
  }

  changeNumbers(position: number, entries: ReadonlyMap<number, number>): void {
    if (!entries.size) return;
    const known = this.constant(position)?.toNumbers();
    if (!known) this.node.inputs[position] = this.changed(this.node.inputs[position]!, entries);
    else {
      for (const [at, value] of entries) known[at] = value;
      this.setNumbers(position, Array.from(known));
    }
  }

  /** Nodes that put some elements into a computed vector. */
  private changed(vector: string, entries: ReadonlyMap<number, number>): string {
    const length = Math.max(...entries.keys()) + 1;
    const { model } = this;
    const known = (this.shapes(vector)?.[0] as number | undefined) ?? length;
    const at = Array.from({ length: known }, (_, k) => k);
    const mask = model.addInitializer(
      Tensor.from(
        `${vector}_changes`,
        'bool',
        [known],
        at.map((k) => Number(entries.has(k))),
      ),
    );
    const values = model.addInitializer(
      vectorOf(
        `${vector}_sizes`,
        at.map((k) => entries.get(k) ?? 0),
      ),
    );
    const output = model.freshName(`${vector}_resized`);
    model.graph.nodes.push(new Node({ op: 'Where', name: output, inputs: [mask, values, vector], outputs: [output] }));
    return output;
  }
}

function vectorOf(name: string, values: readonly number[]): Tensor {
  return Tensor.from(name, 'int64', [values.length], values);
}
