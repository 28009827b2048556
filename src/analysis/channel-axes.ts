import type { Dim } from '../ir/graph.js';

/** A static axis of a value, whose indices are numbered through all axes of a model. */
export interface IndexedAxis {
  value: string;
  axis: number;
  size: number;
  /** Number of its index 0; the others follow. */
  first: number;
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
      this.byValue.set(
        value,
        (dims ?? []).map((size, axis) => {
          if (typeof size !== 'number' || size <= 1 || size > MOST) return undefined;
          const indexed = { value, axis, size, first: this.count };
          this.axes.push(indexed);
          this.count += size;
          return indexed;
        }),
      );
  }

  /** An axis that has indices; undefined for one of length 1 or of open size. */
  get(value: string, axis: number): IndexedAxis | undefined {
    return this.byValue.get(value)?.[axis];
  }

  /** All axes of a value that have indices. */
  of(value: string): IndexedAxis[] {
    return (this.byValue.get(value) ?? []).filter((axis) => axis !== undefined);
  }
}
