import type { ValueFacts } from '../../analysis/value-types.js';
import type { Emitter } from '../../ir/emitter.js';
import type { Dim } from '../../ir/graph.js';
import type { Node } from '../../ir/node.js';

/** Says why a fused operator stays as it is. */
export class StaysFused extends Error {}

/**
 * How one operator is written in standard ones: emits nodes and returns the values of the node's outputs, `undefined`
 * for those that have no equal. What holds for some nodes only is refused before anything is emitted.
 */
export type UnfuseRow = (fused: Fused) => readonly (string | undefined)[];

/** A fused node as its row sees it. */
export class Fused {
  constructor(
    readonly node: Node,
    readonly g: Emitter,
    private readonly facts: ReadonlyMap<string, ValueFacts>,
  ) {}

  /** The first input. */
  get x(): string {
    return this.node.inputs[0]!;
  }

  /** Name of an input; undefined where the node leaves it out. */
  input(position: number): string | undefined {
    return this.node.inputs[position] || undefined;
  }

  /** An input that the row can't do without. @throws StaysFused */
  needed(position: number): string {
    return this.input(position) ?? this.refuse(`it has no input ${position}`);
  }

  /** Ends the row where inputs are there that it can't write. @throws StaysFused */
  excludes(inputs: Readonly<Record<number, string>>): void {
    for (const [position, meaning] of Object.entries(inputs)) if (this.input(Number(position))) this.refuse(meaning);
  }

  /** Dimensions of an input. @throws StaysFused where their number is not known. */
  dims(name: string): readonly Dim[] {
    return this.facts.get(name)?.dims ?? this.refuse(`the number of dimensions of ${name} is not known`);
  }

  /** A fixed size of an input. @throws StaysFused where it isn't fixed. */
  size(name: string, axis: number): number {
    const dim = this.dims(name).at(axis);
    return typeof dim === 'number' ? dim : this.refuse(`axis ${axis} of ${name} has no fixed size`);
  }

  /** Sum of the inputs that are there. */
  total(...positions: readonly number[]): string {
    const names = positions.flatMap((position) => this.input(position) ?? []);
    return names.reduce((sum, name) => this.g.add(sum, name));
  }

  /** Elements `begin` to `end` of the last axis, each `step`th. */
  slice(value: string, begin: number, end: number, axis = -1, step = 1): string {
    const { g } = this;
    return g.op('Slice', [value, g.ints([begin]), g.ints([end]), g.ints([axis]), g.ints([step])]);
  }

  /** Ends the row. @throws StaysFused always */
  refuse(reason: string): never {
    throw new StaysFused(reason);
  }
}
