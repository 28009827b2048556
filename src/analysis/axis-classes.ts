import type { Place } from '../ops/channels/site.js';
import { AxisTable, type IndexedAxis } from './channel-axes.js';
import { IndexClasses } from './index-classes.js';
import type { ValueFacts } from './value-types.js';

/** Classes of the indices of a model's axes that can only be removed together. */
export class AxisClasses {
  readonly table: AxisTable;
  private readonly classes = new IndexClasses();

  constructor(private readonly facts: ReadonlyMap<string, ValueFacts>) {
    this.table = new AxisTable([...facts].map(([name, { dims }]) => [name, dims]));
    this.classes.grow(this.table.count);
  }

  /** A number that stands for the class of an index; undefined where the class has to stay. */
  classOf(id: number): number | undefined {
    return this.classes.isFrozen(id) ? undefined : this.classes.find(id);
  }

  /** Why some index of an axis stays: the reason of the first that does. */
  reasonFor({ first, size }: IndexedAxis): string | undefined {
    for (let id = first; id < first + size; id++) {
      const reason = this.classes.frozenBy(id);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  /** The axes that have indices. */
  axesAt(places: Iterable<readonly [value: string, axis: number, at?: unknown]>): IndexedAxis[] {
    return Array.from(places, ([value, axis]) => this.table.get(value, axis)).filter((axis) => axis !== undefined);
  }

  freeze(axes: readonly IndexedAxis[], text: string): void {
    if (!axes.length) return;
    const reason = this.classes.reason(text);
    for (const { first, size } of axes) for (let id = first; id < first + size; id++) this.classes.freeze(id, reason);
  }

  freezeValue(value: string, reason: string): void {
    this.freeze(this.table.of(value), reason);
  }

  /** Marks axes of attention heads, and what goes together with them. */
  mark(axes: readonly IndexedAxis[]): void {
    for (const { first, size } of axes) for (let id = first; id < first + size; id++) this.classes.mark(id);
  }

  isMarked({ first, size }: IndexedAxis): boolean {
    for (let id = first; id < first + size; id++) if (this.classes.isMarked(id)) return true;
    return false;
  }

  /** After how many indices those of an axis of open size repeat. */
  cycle(value: string, axis: number): number | undefined {
    const indexed = this.table.get(value, axis);
    return indexed?.isCyclic ? indexed.size : undefined;
  }

  setCycle(value: string, axis: number, size: number): void {
    this.table.addCycle(value, axis, size);
    this.classes.grow(this.table.count);
  }

  /**
   * Unites the indices of places that have the same coordinate. Those that meet an axis of length 1 or of open size stay.
   * @param outputs values that get the cycle of what they are joined with.
   * @param name of the node, for reasons.
   */
  join(places: readonly Place[], outputs: readonly string[], name: string): void {
    const isPlain = places.every(([, , at]) => !at);
    if (isPlain) this.handOnCycle(places, outputs);
    const axes = this.axesAt(places);
    const dims = places.map(([value, axis]) => this.facts.get(value)?.dims?.[axis]);
    const isOpen = places.some(([value, axis], k) => !this.table.get(value, axis) && typeof dims[k] !== 'number');
    if (isOpen || (isPlain && !areAlike(axes, places.length))) this.freeze(axes, `${name}: sizes are open or differ`);
    else this.unite(places, dims as number[], `${name}: an axis of length 1 goes with it`);
  }

  /** What `run` returns, with all that it did to the classes undone. */
  trial<Result>(run: () => Result): Result {
    return this.classes.trial(run);
  }

  private handOnCycle(places: readonly Place[], outputs: readonly string[]): void {
    const cycle = this.axesAt(places).find(({ isCyclic }) => isCyclic);
    for (const [value, axis] of cycle ? places : [])
      if (outputs.includes(value) && typeof this.facts.get(value)?.dims?.[axis] !== 'number')
        this.setCycle(value, axis, cycle!.size);
  }

  private unite(places: readonly Place[], dims: readonly number[], reason: string): void {
    const ids: number[] = [];
    const alone: number[] = [];
    for (const [k, [value, axis, at]] of places.entries()) {
      const indexed = this.table.get(value, axis);
      for (let index = 0; index < (indexed?.size ?? dims[k]!); index++) {
        const coordinate = at ? at(index) : index;
        if (!indexed) alone.push(coordinate);
        else if (ids[coordinate] === undefined) ids[coordinate] = indexed.first + index;
        else this.classes.unite(ids[coordinate], indexed.first + index);
      }
    }
    const kept = alone.map((coordinate) => ids[coordinate]).filter((id) => id !== undefined);
    if (!kept.length) return;
    const number = this.classes.reason(reason);
    for (const id of kept) this.classes.freeze(id, number);
  }
}

/** True where none of some places, or all of them alike, have an axis with indices. */
function areAlike(axes: readonly IndexedAxis[], places: number): boolean {
  const [first] = axes;
  if (!first) return true;
  const isAlike = ({ size, isCyclic }: IndexedAxis) => size === first.size && isCyclic === first.isCyclic;
  return axes.length === places && axes.every(isAlike);
}
