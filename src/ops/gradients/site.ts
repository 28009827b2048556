import type { Emitter } from '../../ir/emitter.js';
import type { Dim, Graph } from '../../ir/graph.js';
import type { Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';
import type { DataType } from '../../ir/types.js';

/** Says why a node cannot be differentiated. */
export class NoGradient extends Error {}

/** What the rows may ask about the values of the forward pass. */
export interface ForwardValues {
  /** Element type and shape, as far as they are known. */
  facts(name: string): { type: DataType; dims?: readonly Dim[] | undefined } | undefined;
  /** The constant behind a name; undefined for what is computed, fed or trained. */
  constant(name: string): Tensor | undefined;
  /** A size that stands for a symbol when recipes are compared by their cost; never used for what is computed. */
  typical(symbol: string): number | undefined;
  /** Channels per block of the runtime's blocked layout, where gradients may use it. */
  blockSize?: number | undefined;
}

/** What the rows of operators with bodies need: the values that their bodies capture. */
export interface Bodies {
  /** Captured values whose gradient is needed. */
  wanted: readonly string[];
  /** Hands over the gradient of a captured value. */
  give(name: string, gradient: string): void;
  /** Appends a backward pass to a body, as `differentiate` does to the main graph. */
  differentiate(body: Graph, targets: ReadonlyMap<string, string>, by: readonly string[]): ReadonlyMap<string, string>;
}

/**
 * Rows of the gradient table write the backward nodes of one operator: from the gradients of its outputs they emit those
 * of its inputs (vector–Jacobian products). What can't be differentiated ends in `site.refuse`.
 */
export type GradientRow = (site: Site) => void;

/** A node as its row sees it: its values, the gradients that arrive, and where those of its inputs go. */
export class Site {
  private readonly given = new Map<number, string>();

  /**
   * @param g emits nodes behind the forward pass and the gradients that are there already.
   * @param upstream gradient of the loss by each output, undefined where none arrives (it is zero).
   * @param wanted positions of the inputs whose gradient is needed.
   * @param bodies what the node's bodies capture.
   */
  constructor(
    readonly node: Node,
    readonly g: Emitter,
    private readonly values: ForwardValues,
    private readonly upstream: readonly (string | undefined)[],
    private readonly wanted: ReadonlySet<number>,
    readonly bodies: Bodies,
  ) {}

  /** The first input. */
  get x(): string {
    return this.node.inputs[0]!;
  }

  /** The first output. */
  get y(): string {
    return this.node.outputs[0]!;
  }

  /** Gradient of the first output. @throws NoGradient where only other outputs reach the loss. */
  get dy(): string {
    return this.upstream[0] ?? this.refuse('only its first output can carry a gradient');
  }

  /** Gradient of an output; undefined where it does not reach the loss. */
  gradientOf(output: number): string | undefined {
    return this.upstream[output];
  }

  /** Name of an input; undefined where the node leaves it out. */
  input(position: number): string | undefined {
    return this.node.inputs[position] || undefined;
  }

  wants(position: number): boolean {
    return this.wanted.has(position);
  }

  /** Hands over the gradient of an input, which has the input's shape. Ignored where none is wanted. */
  give(position: number, gradient: string): void {
    if (this.given.has(position)) throw new Error(`${this.node.label}: two gradients for input ${position}`);
    if (this.wants(position)) this.given.set(position, gradient);
  }

  /** The gradients given so far, by position of the input. */
  get gradients(): ReadonlyMap<number, string> {
    return this.given;
  }

  /** Version of the default operator set. */
  get opset(): number {
    return this.g.model.opset;
  }

  /** Channels per block of the runtime's blocked layout; undefined where gradients keep to standard operators. */
  get blockSize(): number | undefined {
    return this.values.blockSize;
  }

  constant(name: string | undefined): Tensor | undefined {
    return name ? this.values.constant(name) : undefined;
  }

  type(name: string): DataType | undefined {
    return this.values.facts(name)?.type;
  }

  /** Dimensions of a value. @throws NoGradient where not even their number is known. */
  dims(name: string): readonly Dim[] {
    return this.values.facts(name)?.dims ?? this.refuse(`the number of dimensions of ${name} is not known`);
  }

  /** Dimensions of a value, where their number is known. */
  known(name: string): readonly Dim[] | undefined {
    return this.values.facts(name)?.dims;
  }

  rank(name: string): number {
    return this.dims(name).length;
  }

  /** Sizes of a value where all are known and fixed. */
  sizes(name: string): number[] | undefined {
    const dims = this.values.facts(name)?.dims;
    return dims?.every((dim) => typeof dim === 'number') ? (dims as number[]) : undefined;
  }

  /** Sizes with typical ones for symbols, to compare recipes by their cost. */
  typicalSizes(name: string): number[] | undefined {
    const dims = this.dims(name).map((dim) => (typeof dim === 'string' ? this.values.typical(dim) : dim));
    return dims.every((dim) => dim !== undefined) ? (dims as number[]) : undefined;
  }

  /** An axis counted from the front. */
  axis(axis: number, name = this.x): number {
    return axis < 0 ? axis + this.rank(name) : axis;
  }

  /** The shape of a forward value as a vector of int64: a constant where all sizes are fixed. */
  shapeOf(name: string): string {
    const sizes = this.sizes(name);
    return sizes ? this.g.ints(sizes) : this.g.shape(name);
  }

  /** Gives a value with as many elements as `like` its shape. */
  reshapeLike(value: string, like: string): string {
    const dims = this.values.facts(like)?.dims;
    const isFixed = (dim: Dim): dim is number => typeof dim === 'number';
    if (dims && !dims.includes(0) && dims.filter((dim) => !isFixed(dim)).length === 1)
      return this.g.reshape(
        value,
        dims.map((dim) => (isFixed(dim) ? dim : -1)),
      );
    return this.g.reshape(value, this.shapeOf(like));
  }

  /**
   * Sums a gradient over the axes along which `to` was broadcast to the shape of `from` (multidirectional broadcasting,
   * ONNX Broadcasting.md), and gives it the shape of `to`.
   * @param from a forward value of the gradient's shape.
   * @param kept last axes that take no part in broadcasting: those of the gradient are those of `to` already.
   */
  unbroadcast(gradient: string, from: string, to: string, kept = 0): string {
    if (from === to) return gradient;
    const lead = this.rank(from) - this.rank(to);
    const sources = this.dims(from).slice(0, this.rank(from) - kept);
    const targets = [...Array<Dim>(lead).fill(1), ...this.dims(to)];
    const isOpen = (axis: number) =>
      targets[axis] !== 1 && typeof targets[axis] !== 'number' && (targets[axis] ?? NaN) !== sources[axis];
    if (sources.some((_, axis) => isOpen(axis))) return this.unbroadcastAtRunTime(gradient, from, to, kept);
    const axes = sources.flatMap((size, axis) => (axis < lead || (targets[axis] === 1 && size !== 1) ? [axis] : []));
    if (!axes.length) return gradient;
    const summed = this.g.sum(gradient, axes, !lead);
    return lead && axes.length > lead ? this.reshapeLike(summed, to) : summed;
  }

  /** Axes whose sizes are symbols may or may not have been broadcast: the graph looks at the shapes. */
  private unbroadcastAtRunTime(gradient: string, from: string, to: string, kept: number): string {
    const { g } = this;
    const lead = this.rank(from) - this.rank(to);
    const shape = (name: string) => g.op('Shape', [name], { end: kept ? -kept : undefined });
    const padded = lead ? g.op('Concat', [g.ints(Array(lead).fill(1)), shape(to)], { axis: 0 }) : shape(to);
    const differs = g.op('Not', [g.op('Equal', [padded, shape(from)])]);
    const axes = g.op('Squeeze', [g.op('NonZero', [differs]), g.ints([0])]);
    const summed = g.op('ReduceSum', [gradient, axes], { keepdims: 1, noop_with_empty_axes: 1 });
    return g.reshape(summed, g.shape(to));
  }

  /** Ends the row. @throws NoGradient always */
  refuse(reason: string): never {
    throw new NoGradient(reason);
  }
}
