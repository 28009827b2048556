/** Classes of indices that go together: a disjoint-set forest (Tarjan 1975) in which classes can be frozen and marked. */
export class IndexClasses {
  private parent = new Int32Array(0);
  private size = new Int32Array(0);
  /** Number of the reason for which a class stays, at its root; 0 where it may go. */
  private frozen = new Int32Array(0);
  private marks = new Uint8Array(0);
  private readonly reasons: string[] = [];
  /** What to undo: an array, a place in it, what was there. */
  private undo: [array: Int32Array | Uint8Array, at: number, value: number][] | undefined;

  /** Makes room for more indices, each in a class of its own. */
  grow(count: number): void {
    const known = this.parent.length;
    if (count <= known) return;
    const length = Math.max(count, known + (known >> 1));
    this.parent = copied(this.parent, new Int32Array(length));
    this.size = copied(this.size, new Int32Array(length));
    this.frozen = copied(this.frozen, new Int32Array(length));
    this.marks = copied(this.marks, new Uint8Array(length));
    this.size.fill(1, known);
    for (let index = known; index < length; index++) this.parent[index] = index;
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

function copied<Numbers extends Int32Array | Uint8Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}
