import type { Dim } from '../ir/graph.js';

/** An axis of a value, whose indices are numbered through all axes of a model. */
export interface IndexedAxis {
  value: string;
  axis: number;
  /** How many indices it has, or how many it has before they repeat. */
  size: number;
  /** Number of its index 0; the others follow. */
  first: number;
  /**
   * True for an axis of open size into which an axis of open size and one or more of `size` indices were merged: a batch
   * times attention heads. Index `i` stands for all that leave the remainder `i` when divided by `size`.
   */
  isCyclic: boolean;
}

/** Larger axes hold samples or pixels, not channels. */
const MOST = 2 ** 22;

/** Numbers the indices of all static axes of a model's values that are longer than 1. */
export class AxisTable {
  readonly axes: IndexedAxis[] = [];
  /** How many indices there are. */
  count = 0;
  private readonly byValue = new Map<string, (IndexedAxis | undefined)[]>();

  constructor(shapes: Iterable<readonly [value: string, dims: readonly Dim[] | undefined]>) {
    for (const [value, dims] of shapes)
      for (const [axis, size] of dims?.entries() ?? [])
        if (typeof size === 'number' && size > 1 && size <= MOST) this.add(value, axis, size, false);
  }

  /** Gives indices to an axis of open size. */
  addCycle(value: string, axis: number, size: number): void {
    if (size > 1 && !this.get(value, axis)) this.add(value, axis, size, true);
  }

  /** An axis that has indices; undefined for one of length 1 and for most of open size. */
  get(value: string, axis: number): IndexedAxis | undefined {
    return this.byValue.get(value)?.[axis];
  }

  /** All axes of a value that have indices. */
  of(value: string): IndexedAxis[] {
    return (this.byValue.get(value) ?? []).filter((axis) => axis !== undefined);
  }

  private add(value: string, axis: number, size: number, isCyclic: boolean): void {
    const indexed = { value, axis, size, first: this.count, isCyclic };
    const axes = this.byValue.get(value) ?? [];
    axes[axis] = indexed;
    this.byValue.set(value, axes);
    this.axes.push(indexed);
    this.count += size;
  }
}
