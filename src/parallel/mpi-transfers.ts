import { UserError } from '../errors.js';
import { callMpi, initializeMpi, mpiLibrary } from './mpi-library.js';

/** What a message is of, so that messages of several kinds between two processes are told apart. */
export const TAGS = { exchange: 1, reduce: 2, gather: 3, line: 4, news: 5 } as const;

export type Tag = (typeof TAGS)[keyof typeof TAGS];

/** Values that a message is made of. */
type Vector = Float32Array | Float64Array | Uint8Array;

/** A message under way. */
export interface Transfer {
  /** The library's handle; it writes here when the message has arrived. */
  request: BigUint64Array;
  /** Held until then, because the library reads or writes it. */
  data: Vector;
  other: number;
}

/** Milliseconds of asking again and again whether a message is there, before pauses leave the core to others. */
const EAGER = 5;
/** Milliseconds of a pause. */
const PAUSE = 0.2;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** Milliseconds that others are waited for: at the start of what is done together, and at least later on. */
const [PATIENCE_AT_START, LEAST_PATIENCE] = [600e3, 30e3];
/** Steps of the length of the longest one that others are waited for. */
const PATIENCE_IN_STEPS = 5;

/** Messages between this process and others that mpirun started. All waiting blocks the thread, and ends after a time. */
export class MpiTransfers {
  readonly rank: number;
  readonly size: number;
  /** Messages that others have not taken yet. */
  private sent: Transfer[] = [];
  private patience = PATIENCE_AT_START;
  /** Why nothing is waited for any more. */
  private failure: UserError | undefined;

  /** @throws UserError where Open MPI is missing */
  constructor() {
    initializeMpi();
    [this.rank, this.size] = (['rank', 'size'] as const).map((what) => {
      const result = [0];
      callMpi(what, mpiLibrary().world, result);
      return result[0]!;
    }) as [number, number];
  }

  /** Says how long one step of what is done together took: others are waited for in proportion. */
  expect(milliseconds: number): void {
    const wanted = Math.max(LEAST_PATIENCE, PATIENCE_IN_STEPS * milliseconds);
    this.patience = this.patience === PATIENCE_AT_START ? wanted : Math.max(this.patience, wanted);
  }

  /** Begins to send. The data may not change before `settle`. */
  send(to: number, tag: Tag, data: Vector): void {
    this.sent = this.sent.filter((transfer) => !isOver(transfer));
    if (data.length) this.sent.push(this.begin('send', to, tag, data));
  }

  /** Begins to receive a message of the length of `into`. */
  receive(from: number, tag: Tag, into: Vector): Transfer[] {
    return into.length ? [this.begin('receive', from, tag, into)] : [];
  }

  /** Waits for messages. @throws UserError naming the process that one does not come from */
  complete(transfers: readonly Transfer[]): void {
    const start = performance.now();
    let left = transfers;
    for (;;) {
      if (this.failure) throw this.failure;
      left = left.filter((transfer) => !isOver(transfer));
      if (!left.length) return;
      const waited = performance.now() - start;
      if (waited > this.patience) this.failure = silent(left[0]!.other, this.size, waited);
      if (waited > EAGER) Atomics.wait(pause, 0, 0, PAUSE);
    }
  }

  /** Waits until others have what was sent to them. @throws UserError naming the process that does not take it */
  settle(): void {
    this.complete(this.sent);
    this.sent = [];
  }

  private begin(what: 'send' | 'receive', other: number, tag: Tag, data: Vector): Transfer {
    const { world, types } = mpiLibrary();
    const type = data instanceof Float32Array ? types.float : data instanceof Float64Array ? types.double : types.byte;
    const request = new BigUint64Array(1);
    callMpi(what, data, data.length, type, other, tag, world, request);
    return { request, data, other };
  }
}

/** Where the library says whether a message has arrived: what is asked so often leaves nothing behind. */
const flag = new Int32Array(1);

function isOver({ request }: Transfer): boolean {
  callMpi('test', request, flag, null);
  return flag[0] === 1;
}

function silent(other: number, size: number, milliseconds: number): UserError {
  return new UserError(
    `process ${other} of 0 … ${size - 1} has given no sign of life for ${Math.round(milliseconds / 1e3)} seconds`,
    { file: '--launcher mpi', mend: 'see what holds it up, and go on from the last checkpoint with --resume' },
  );
}
