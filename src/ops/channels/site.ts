import type { Dim } from '../../ir/graph.js';
import type { Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';

/**
 * An axis of a value, by its index from the front. Of places that are joined, the indices with the same coordinate go
 * together; `at` gives an index its coordinate, which is the index itself where it is absent.
 */
export type Place = readonly [value: string, axis: number, at?: (index: number) => number];

/** What the rows may ask about the values of a model. */
export interface ChannelValues {
  readonly opset: number;
  /** Shape of a value as far as it is known; undefined where its rank is not. */
  dims(value: string): readonly Dim[] | undefined;
  /** The constant of this name; undefined for what is computed or fed. */
  constant(value: string): Tensor | undefined;
  /** After how many indices of an axis of open size they repeat; undefined where nothing is known of them. */
  cycle(value: string, axis: number): number | undefined;
  setCycle(value: string, axis: number, size: number): void;
}

/** What rows say of a node, in the order in which they say it. */
export type ChannelStatement =
  | { kind: 'join'; places: readonly Place[] }
  | { kind: 'contract'; places: readonly [Place] | readonly [Place, Place] }
  | { kind: 'produce'; weight: Place; output: Place }
  | { kind: 'keep'; value: string; axis: number }
  | { kind: 'freeze'; value: string; axis: number; reason: string }
  | { kind: 'heads'; value: string; axis: number };

/**
 * How index sets travel through the nodes of one operator, and how a node is mended once indices are gone.
 *
 * An axis whose indices the operator works on one by one may lose some of them, provided that all that hangs together
 * loses the same: a row says what does. What it says nothing of stays as it is.
 */
export interface ChannelRow {
  couple(site: ChannelSite): void;
  /** Mends what the node says of sizes: attributes, constants that hold shapes. Called where any of its axes shrank. */
  resize?(site: ResizeSite): void;
}

/** Says why a node cannot be followed. */
export class NotFollowed extends Error {}

/** A node as its row sees it. */
export class ChannelSite {
  /** What was said of the node so far. */
  statements: ChannelStatement[] = [];
  /** Ways to follow the node, of each of which only one can be taken. */
  readonly choices: (readonly (() => void)[])[] = [];

  constructor(
    readonly node: Node,
    private readonly values: ChannelValues,
  ) {}

  get opset(): number {
    return this.values.opset;
  }

  /** The first input. */
  get x(): string {
    return this.node.inputs[0]!;
  }

  /** The first output. */
  get y(): string {
    return this.node.outputs[0]!;
  }

  /** Name of an input; undefined where the node leaves it out. */
  input(position: number): string | undefined {
    return this.node.inputs[position] || undefined;
  }

  constant(position: number): Tensor | undefined {
    const name = this.input(position);
    return name === undefined ? undefined : this.values.constant(name);
  }

  /** @throws NotFollowed where not even the rank is known */
  dims(value: string): readonly Dim[] {
    return this.values.dims(value) ?? this.refuse(`the shape of ${value} is unknown`);
  }

  rank(value: string): number {
    return this.dims(value).length;
  }

  /** A size that is known. @throws NotFollowed for others */
  size(value: string, axis: number): number {
    const dim = this.dims(value)[axis];
    return typeof dim === 'number' ? dim : this.refuse(`a size of ${value} is unknown`);
  }

  /**
   * An axis of open size may be a batch times heads: after how many indices the next sample begins. What is joined along
   * such an axis goes together in every sample.
   */
  cycle(value: string, axis: number): number | undefined {
    return this.values.cycle(value, axis);
  }

  /** Gives an axis of open size, of an output, a cycle. */
  setCycle(value: string, axis: number, size: number): void {
    this.values.setCycle(value, axis, size);
  }

  /** An axis counted from the front. */
  axis(given: number, value = this.x): number {
    return given < 0 ? given + this.rank(value) : given;
  }

  /** Indices of these axes with the same coordinate go together: the node works on each by itself. */
  join(...places: readonly Place[]): void {
    this.statements.push({ kind: 'join', places });
  }

  /** Two values are multiplied and summed over an axis of each; one of them may be a weight. */
  contract(a: Place, b: Place): void {
    this.statements.push({ kind: 'contract', places: [a, b] });
  }

  /** A value is summed over an axis, so that zeros are as good as nothing. */
  sum(place: Place): void {
    this.statements.push({ kind: 'contract', places: [place] });
  }

  /** Joins an axis of a weight and the axis of the output that it makes. */
  produce(weight: Place, output: Place): void {
    this.statements.push({ kind: 'produce', weight, output });
  }

  /** The node does with this axis what it likes: any of its indices may go, and `resize` sees to it. */
  keep(value: string, axis: number): void {
    this.statements.push({ kind: 'keep', value, axis });
  }

  /** Every index of an axis stays. */
  freeze(value: string, axis: number, reason: string): void {
    this.statements.push({ kind: 'freeze', value, axis, reason });
  }

  /** The axis counts what is computed side by side from several activations, as attention heads are. */
  heads(value: string, axis: number): void {
    this.statements.push({ kind: 'heads', value, axis });
  }

  /**
   * Some axes can be followed in several ways, of which only one can be taken: whole groups of a grouped convolution go,
   * or the same channels of every group. The finest that the rest of the model allows is taken, and of those that are as
   * fine the first; attention heads go before all else.
   */
  choose(alternatives: readonly (() => void)[]): void {
    this.choices.push(alternatives);
  }

  /** Ends the row. @throws NotFollowed always */
  refuse(reason: string): never {
    throw new NotFollowed(reason);
  }
}

/** How many indices of an axis are left, and of how many. */
export type Fraction = readonly [left: number, of: number];

/** A node whose values have lost indices, as its row mends it. */
export interface ResizeSite {
  /** The node of the new model. */
  readonly node: Node;
  readonly opset: number;
  input(position: number): string | undefined;
  constant(position: number): Tensor | undefined;
  /** The shape of a value before. */
  before(value: string): readonly Dim[];
  /** The shape of a value now. */
  after(value: string): readonly Dim[];
  /** Indices of an axis of fixed size that are left, as they were counted before; undefined where all are. */
  left(value: string, axis: number): Int32Array | undefined;
  /** What part is left of an axis of open size that holds a batch times channels; undefined where all is. */
  fractionLeft(value: string, axis: number): Fraction | undefined;
  /** Gives an input a constant of int64. */
  setNumbers(position: number, values: readonly number[]): void;
  /** Changes elements of a vector of whole numbers that is an input, be it constant or computed. */
  changeNumbers(position: number, entries: ReadonlyMap<number, number>): void;
  /** Multiplies elements of a computed vector of sizes by fractions; those that are no sizes (0, -1) stay. */
  scaleNumbers(position: number, fractions: ReadonlyMap<number, Fraction>): void;
  /** Has the first output, a vector of whole numbers, give other elements than the node computes. */
  restoreNumbers(entries: ReadonlyMap<number, number>): void;
}
