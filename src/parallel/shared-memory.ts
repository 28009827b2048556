import { availableParallelism } from 'node:os';
import { type Bounds, type Collective, endedGroup, sumInto } from './collective.js';

/** Memory that the threads of a group share. */
export interface SharedGroup {
  size: number;
  /** Milliseconds that a member asks for the others before it sleeps: none where there are fewer cores. */
  eager: number;
  /** Members that have arrived at the barrier, how often it has opened, and 1 where the group has ended. */
  control: SharedArrayBuffer;
  /** For each pair of members the part of the vector that one owns, as the other has it. */
  parts: SharedArrayBuffer;
  /** The vector, of which each member puts its own part there. */
  whole: SharedArrayBuffer;
  /** A few numbers of each member. */
  scalars: SharedArrayBuffer;
}

const MOST_SCALARS = 16;
/** Milliseconds of asking again and again whether all are there, before the core is left to others: to be woken takes long. */
const EAGER = 2;
const [ARRIVED, OPENED, ENDED] = [0, 1, 2];
/** What the end of a group adds to the count of openings: it wakes who waits, and is no opening. */
const ENDING = 1 << 30;

/**
 * Makes the memory for a group of threads that reduce vectors of a length.
 * @param threads that work at the same time, those of other groups included.
 */
export function createSharedGroup(size: number, length: number, threads = size): SharedGroup {
  return {
    size,
    eager: threads > availableParallelism() ? 0 : EAGER,
    control: new SharedArrayBuffer(12),
    parts: new SharedArrayBuffer(Math.max(4, 4 * length * (size - 1))),
    whole: new SharedArrayBuffer(Math.max(4, 4 * length)),
    scalars: new SharedArrayBuffer(8 * size * MOST_SCALARS),
  };
}

/** Lets members that wait for others go on; their calls throw, and so do later ones. */
export function endGroup({ control }: SharedGroup): void {
  const flags = new Int32Array(control);
  Atomics.store(flags, ENDED, 1);
  Atomics.add(flags, OPENED, ENDING);
  Atomics.notify(flags, OPENED);
}

/**
 * A member of a group of threads of one process. Vectors are exchanged through shared memory: each member hands the parts
 * that others own to them, who sum (reduce-scatter), and takes the results back (all-gather): Thakur, Rabenseifner and
 * Gropp, "Optimization of collective communication operations in MPICH", 2005. Waiting blocks the thread.
 */
export class SharedMemoryCollective implements Collective {
  readonly size: number;
  private readonly flags: Int32Array;
  private readonly scalars: Float64Array;
  private readonly whole: Float32Array;
  /** What was put there for others since all last met, who may still be reading it. */
  private readonly inUse = new Set<'parts' | 'whole' | 'scalars'>();

  constructor(
    private readonly group: SharedGroup,
    readonly rank: number,
  ) {
    this.size = group.size;
    this.flags = new Int32Array(group.control);
    this.scalars = new Float64Array(group.scalars);
    this.whole = new Float32Array(group.whole);
  }

  async reduceScatter(data: Float32Array, bounds: Bounds, values: readonly number[] = []): Promise<number[][]> {
    this.settle('parts', 'scalars');
    for (let owner = 0; owner < this.size; owner++)
      if (owner !== this.rank)
        this.part(owner, this.rank, bounds).set(data.subarray(bounds[owner]!, bounds[owner + 1]!));
    const all = this.swap(values);
    const own = data.subarray(bounds[this.rank]!, bounds[this.rank + 1]!);
    const others = Array.from({ length: this.size }, (_, from) =>
      from === this.rank ? own : this.part(this.rank, from, bounds),
    );
    sumInto(own, others);
    this.inUse.add('parts');
    return all;
  }

  async allGather(data: Float32Array, bounds: Bounds): Promise<void> {
    this.settle('whole');
    this.whole.set(data.subarray(bounds[this.rank]!, bounds[this.rank + 1]!), bounds[this.rank]!);
    this.wait();
    for (let owner = 0; owner < this.size; owner++)
      if (owner !== this.rank) data.set(this.whole.subarray(bounds[owner]!, bounds[owner + 1]!), bounds[owner]!);
    this.inUse.add('whole');
  }

  async exchange(values: readonly number[]): Promise<number[][]> {
    this.settle('scalars');
    return this.swap(values);
  }

  /** Makes sure that nobody reads any more what was put into some memory. */
  private settle(...memory: ('parts' | 'whole' | 'scalars')[]): void {
    if (memory.some((one) => this.inUse.has(one))) this.wait();
  }

  /** Waits until every member is here. @returns the numbers of each */
  private swap(values: readonly number[]): number[][] {
    if (values.length > MOST_SCALARS) throw new RangeError(`${values.length} numbers at once`);
    this.scalars.set(values, this.rank * MOST_SCALARS);
    this.wait();
    this.inUse.add('scalars');
    return Array.from({ length: this.size }, (_, rank) => {
      const begin = rank * MOST_SCALARS;
      return [...this.scalars.subarray(begin, begin + values.length)];
    });
  }

  /** Where member `from` puts its version of the part that `owner` owns. */
  private part(owner: number, from: number, bounds: Bounds): Float32Array {
    const length = bounds[owner + 1]! - bounds[owner]!;
    const slot = from < owner ? from : from - 1;
    const begin = bounds[owner]! * (this.size - 1) + slot * length;
    return new Float32Array(this.group.parts, 4 * begin, length);
  }

  /** Until every member is here. @throws Error where the group has ended before they all came */
  private wait(): void {
    const { flags } = this;
    if (Atomics.load(flags, ENDED)) throw endedGroup();
    this.inUse.clear();
    const opened = Atomics.load(flags, OPENED);
    if (Atomics.add(flags, ARRIVED, 1) === this.size - 1) {
      Atomics.store(flags, ARRIVED, 0);
      Atomics.add(flags, OPENED, 1);
      Atomics.notify(flags, OPENED);
      return;
    }
    const patience = performance.now() + this.group.eager;
    while (Atomics.load(flags, OPENED) === opened && !Atomics.load(flags, ENDED))
      if (performance.now() >= patience) Atomics.wait(flags, OPENED, opened);
    const openings = (Atomics.load(flags, OPENED) - opened) & (ENDING - 1);
    if (!openings) throw endedGroup();
  }
}
