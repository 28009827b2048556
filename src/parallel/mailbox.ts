import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { endedGroup } from './collective.js';

/** What a thread needs to exchange messages with the others of a line. */
export interface MailboxSetup {
  /** By the number of the other thread. */
  ports: Map<number, MessagePort>;
  /** For each thread how many messages were sent to it; the last element is 1 where the line has ended. */
  counts: SharedArrayBuffer;
  own: number;
}

/** Connects threads, each with each. @returns what each of them is given; its ports have to be transferred */
export function createMailboxes(size: number): MailboxSetup[] {
  const counts = new SharedArrayBuffer(4 * (size + 1));
  const setups = Array.from({ length: size }, (_, own): MailboxSetup => ({ ports: new Map(), counts, own }));
  for (let a = 0; a < size; a++)
    for (let b = a + 1; b < size; b++) {
      const { port1, port2 } = new MessageChannel();
      setups[a]!.ports.set(b, port1);
      setups[b]!.ports.set(a, port2);
    }
  return setups;
}

/** Lets threads that wait for messages go on; their calls throw, and so do later ones. */
export function endMailboxes(counts: SharedArrayBuffer): void {
  const flags = new Int32Array(counts);
  Atomics.store(flags, flags.length - 1, 1);
  for (let k = 0; k < flags.length - 1; k++) {
    Atomics.add(flags, k, 1);
    Atomics.notify(flags, k);
  }
}

/** Messages to and from the others of a line. Those of one sender arrive in their order; waiting blocks the thread. */
export interface Mailbox {
  send(to: number, message: unknown): void;
  /** The next message of another one. @throws Error where the line has ended */
  receive(from: number): unknown;
  /** Waits until the others have what was sent to them. */
  settle(): void;
}

/** The messages of threads of one process. */
export class ThreadMailbox implements Mailbox {
  private readonly counts: Int32Array;

  constructor(private readonly setup: MailboxSetup) {
    this.counts = new Int32Array(setup.counts);
  }

  send(to: number, message: unknown): void {
    this.setup.ports.get(to)!.postMessage(message);
    Atomics.add(this.counts, to, 1);
    Atomics.notify(this.counts, to);
  }

  receive(from: number): unknown {
    const { own, ports } = this.setup;
    for (;;) {
      const count = Atomics.load(this.counts, own);
      if (Atomics.load(this.counts, this.counts.length - 1)) throw endedGroup();
      const received = receiveMessageOnPort(ports.get(from)!);
      if (received) return received.message;
      Atomics.wait(this.counts, own, count);
    }
  }

  settle(): void {}
}
