/** Classes of indices that go together: a disjoint-set forest (Tarjan 1975) in which classes can be frozen and marked. */
export class IndexClasses {
  private readonly parent: Int32Array;
  private readonly size: Int32Array;
  /** Number of the reason for which a class stays, at its root; 0 where it may go. */
  private readonly frozen: Int32Array;
  private readonly marks: Uint8Array;
  private readonly reasons: string[] = [];
  /** What to undo: an array, a place in it, what was there. */
  private undo: [array: Int32Array | Uint8Array, at: number, value: number][] | undefined;

  constructor(count: number) {
    this.parent = Int32Array.from({ length: count }, (_, index) => index);
    this.size = new Int32Array(count).fill(1);
    this.frozen = new Int32Array(count);
    this.marks = new Uint8Array(count);
  }

  /** The index that stands for the class of another. */
  find(index: number): number {
    const { parent } = this;
    while (parent[index] !== index) {
      const above = parent[parent[index]!]!;
      if (parent[index] !== above) this.write(parent, index, above);
      index = above;
    }
    return index;
  }

  unite(a: number, b: number): void {
    let [root, child] = [this.find(a), this.find(b)];
    if (root === child) return;
    if (this.size[root]! < this.size[child]!) [root, child] = [child, root];
    this.write(this.parent, child, root);
    this.write(this.size, root, this.size[root]! + this.size[child]!);
    if (this.frozen[child] && !this.frozen[root]) this.write(this.frozen, root, this.frozen[child]!);
    if (this.marks[child]) this.write(this.marks, root, 1);
  }

  /** A number for a reason that many indices may share. */
  reason(text: string): number {
    return this.reasons.push(text);
  }

  /** Keeps the class of an index, and with it whatever joins it later. The first reason stays. */
  freeze(index: number, reason: number): void {
    const root = this.find(index);
    if (!this.frozen[root]) this.write(this.frozen, root, reason);
  }

  /** Why the class of an index stays; undefined where it may go. */
  frozenBy(index: number): string | undefined {
    const reason = this.frozen[this.find(index)]!;
    return reason ? this.reasons[reason - 1] : undefined;
  }

  isFrozen(index: number): boolean {
    return this.frozen[this.find(index)] !== 0;
  }

  mark(index: number): void {
    const root = this.find(index);
    if (!this.marks[root]) this.write(this.marks, root, 1);
  }

  isMarked(index: number): boolean {
    return this.marks[this.find(index)] !== 0;
  }

  /** What `run` returns, with all that it did to the classes undone. */
  trial<Result>(run: () => Result): Result {
    const writes: NonNullable<typeof this.undo> = [];
    this.undo = writes;
    try {
      return run();
    } finally {
      this.undo = undefined;
      for (let k = writes.length - 1; k >= 0; k--) writes[k]![0][writes[k]![1]] = writes[k]![2];
    }
  }

  private write(array: Int32Array | Uint8Array, at: number, value: number): void {
    this.undo?.push([array, at, array[at]!]);
    array[at] = value;
  }
}
