import { deserialize, serialize } from 'node:v8';
import { type Bounds, type Collective, sumInto } from './collective.js';
import type { Mailbox } from './mailbox.js';
import { MpiTransfers, TAGS, type Tag, type Transfer } from './mpi-transfers.js';

/** Exchanges of the first steps, which may take some processes much longer than others. */
const STARTING = 4;

/**
 * Some of the processes that mpirun started, on one machine or several, this one among them. Sums are taken here in the order
 * of the ranks, not by the library, which would take them in an order of its own: results are those of threads, to the bit.
 * Waiting blocks the thread. Where a process ends before its time, mpirun ends the others.
 */
export class MpiCollective implements Collective {
  readonly rank: number;
  readonly size: number;
  /** What others hand over of the part that is summed here. */
  private received = new Float32Array(0);
  /** Exchanges so far, and when the last one ended. */
  private exchanges = 0;
  private exchangedAt = 0;

  /** @param members their ranks in the job, in order. */
  constructor(
    private readonly transfers: MpiTransfers,
    private readonly members: readonly number[],
  ) {
    this.rank = members.indexOf(transfers.rank);
    this.size = members.length;
  }

  async reduceScatter(data: Float32Array, bounds: Bounds, values: readonly number[] = []): Promise<number[][]> {
    const { rank, size, transfers } = this;
    const own = data.subarray(bounds[rank]!, bounds[rank + 1]!);
    if (this.received.length !== size * own.length) this.received = new Float32Array(size * own.length);
    const parts = Array.from({ length: size }, (_, k) =>
      k === rank ? own : this.received.subarray(k * own.length, (k + 1) * own.length),
    );
    const coming = this.others((k, from) => transfers.receive(from, TAGS.reduce, parts[k]!)).flat();
    this.others((k, to) => transfers.send(to, TAGS.reduce, data.subarray(bounds[k]!, bounds[k + 1]!)));
    const all = this.swapValues(values, coming);
    sumInto(own, parts);
    return all;
  }

  async allGather(data: Float32Array, bounds: Bounds): Promise<void> {
    const partOf = (k: number) => data.subarray(bounds[k]!, bounds[k + 1]!);
    this.swap(TAGS.gather, partOf(this.rank), partOf);
  }

  async exchange(values: readonly number[]): Promise<number[][]> {
    const startedAt = performance.now();
    if (this.exchanges++ >= STARTING) this.transfers.expect(startedAt - this.exchangedAt);
    const all = this.swapValues(values);
    this.exchangedAt = performance.now();
    return all;
  }

  /** @param more that is to be received before it returns. */
  private swapValues(values: readonly number[], more: readonly Transfer[] = []): number[][] {
    const own = Float64Array.from(values);
    const all = Array.from({ length: this.size }, (_, k) => (k === this.rank ? own : new Float64Array(own.length)));
    this.swap(TAGS.exchange, own, (k) => all[k]!, more);
    return all.map((one) => [...one]);
  }

  /** Sends something to every other member, and receives what each of them sends, and more. */
  private swap<V extends Float32Array | Float64Array>(
    tag: Tag,
    own: V,
    into: (member: number) => V,
    more: readonly Transfer[] = [],
  ): void {
    const { transfers } = this;
    const coming = this.others((k, from) => transfers.receive(from, tag, into(k))).flat();
    this.others((_, to) => transfers.send(to, tag, own));
    transfers.complete([...coming, ...more]);
    transfers.settle();
  }

  private others<T>(call: (member: number, process: number) => T): T[] {
    return this.members.flatMap((process, k) => (k === this.rank ? [] : [call(k, process)]));
  }
}

/** Bytes of one message to the library, which counts them in 32 bits. */
const MOST_BYTES = 1 << 30;

/** Messages of a process to and from others. */
export class MpiMailbox implements Mailbox {
  /** @param members their ranks in the job, by the numbers that they have here. */
  constructor(
    private readonly transfers: MpiTransfers,
    private readonly members: readonly number[],
    private readonly tag: Tag = TAGS.line,
  ) {}

  send(to: number, message: unknown): void {
    const bytes = serialize(message);
    this.transfers.send(this.members[to]!, this.tag, Float64Array.of(bytes.length));
    for (const piece of pieces(bytes)) this.transfers.send(this.members[to]!, this.tag, piece);
  }

  receive(from: number): unknown {
    const length = new Float64Array(1);
    this.take(from, length);
    const bytes = new Uint8Array(length[0]!);
    for (const piece of pieces(bytes)) this.take(from, piece);
    return deserialize(bytes);
  }

  settle(): void {
    this.transfers.settle();
  }

  private take(from: number, into: Float64Array | Uint8Array): void {
    this.transfers.complete(this.transfers.receive(this.members[from]!, this.tag, into));
  }
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let begin = 0; begin < bytes.length; begin += MOST_BYTES) yield bytes.subarray(begin, begin + MOST_BYTES);
}

let transfers: MpiTransfers | undefined;

/** This thread's messages to and from other processes; of the threads of a process, only one may have any at a time. */
export function mpiTransfers(): MpiTransfers {
  transfers ??= new MpiTransfers();
  return transfers;
}
