import { type MessagePort, Worker } from 'node:worker_threads';
import { UserError } from '../errors.js';
import { runtimeError } from './errors.js';

// ONNX Runtime would write files for usage reports into the temporary folder, and may send them; nobody asked for that.
// It reads the variable when it is loaded, which threads do later.
process.env.ORT_DISABLE_TELEMETRY ??= '1';

/** A call to a thread. */
export interface ThreadRequest {
  id: number;
  method: string;
  args: unknown[];
}

/** Its answer. */
export type ThreadResponse =
  | { id: number; result: unknown }
  | { id: number; error: string; mistake?: Pick<UserError, 'what' | 'place'> | undefined };

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Threads that were called and have not answered yet. */
const busy = new Set<object>();
/** Element 0 is 1 where threads should take up no more work; they all see it. */
const stopFlag = new Int32Array(new SharedArrayBuffer(4));
const isStopped = () => Atomics.load(stopFlag, 0) === 1;

/**
 * Lets every thread finish the run it is in and takes no more calls: those under way and later ones never settle, so
 * that whoever waits for them does nothing more. A process can end safely only when no thread is inside ONNX Runtime.
 * @returns false where one still is after so many milliseconds.
 */
export async function stopRuntime(milliseconds: number): Promise<boolean> {
  Atomics.store(stopFlag, 0, 1);
  const end = performance.now() + milliseconds;
  while (busy.size && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
  return !busy.size;
}

/** Methods that a thread answers; `serve` in the thread's script offers them. */
// biome-ignore lint/suspicious/noExplicitAny: arguments and results are as each method says
export type ThreadMethods<M> = { [K in keyof M]: (...args: any[]) => unknown };

/**
 * A thread that works in ONNX Runtime, which blocks the thread it runs on. It starts at the first call and ends with the
 * process, or when it is closed.
 */
export class WorkerThread<Methods extends ThreadMethods<Methods>> {
  private worker: Worker | undefined;
  private readonly pending = new Map<number, Pending>();
  private readonly underWay = new Set<Promise<unknown>>();
  private nextId = 0;

  /** @param script the compiled module that the thread runs; it calls `serve`. */
  constructor(private readonly script: URL) {}

  /** Calls a method of the worker, starting it at the first call. */
  call<M extends keyof Methods & string>(
    method: M,
    ...args: Parameters<Methods[M]>
  ): Promise<Awaited<ReturnType<Methods[M]>>> {
    return this.callWith([], method, ...args);
  }

  /** The same, with ports or memory among the arguments that the worker gets for its own. */
  callWith<M extends keyof Methods & string>(
    handed: readonly (MessagePort | ArrayBuffer)[],
    method: M,
    ...args: Parameters<Methods[M]>
  ): Promise<Awaited<ReturnType<Methods[M]>>> {
    if (isStopped()) return new Promise(() => {});
    const worker = this.start();
    const id = this.nextId++;
    busy.add(this);
    const result = new Promise<Awaited<ReturnType<Methods[M]>>>((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      worker.ref();
      worker.postMessage({ id, method, args } satisfies ThreadRequest, handed);
    });
    const settled = result.catch(() => {}).finally(() => this.underWay.delete(settled));
    this.underWay.add(settled);
    return result;
  }

  /** Whether there is a thread: none before the first call, nor after one that has ended it. */
  protected get isStarted(): boolean {
    return this.worker !== undefined;
  }

  /** Waits until its calls are done. */
  protected async settle(): Promise<void> {
    await Promise.all(this.underWay);
  }

  /** Ends the thread once its calls are done: a thread that ends inside ONNX Runtime takes the process with it. */
  async close(): Promise<void> {
    await this.settle();
    const worker = this.worker;
    this.worker = undefined;
    await worker?.terminate();
  }

  /** Ends the thread at once, in the middle of its calls, which fail; for threads that are not inside ONNX Runtime. */
  abandon(error: Error): void {
    const worker = this.worker;
    worker?.removeAllListeners();
    this.fail(error);
    worker?.terminate();
  }

  private start(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(this.script, { workerData: stopFlag });
    worker.on('message', (response: ThreadResponse) => this.answer(worker, response));
    worker.on('error', (error) => this.fail(error));
    worker.on('exit', (code) => this.fail(new Error(`the ONNX Runtime thread ended with code ${code}`)));
    worker.unref();
    this.worker = worker;
    return worker;
  }

  private answer(worker: Worker, response: ThreadResponse): void {
    const pending = this.pending.get(response.id);
    this.pending.delete(response.id);
    if (!this.pending.size) {
      worker.unref();
      busy.delete(this);
    }
    if (isStopped()) return;
    if ('error' in response) {
      const { error, mistake } = response;
      pending?.reject(mistake ? new UserError(mistake.what, mistake.place) : runtimeError(error));
    } else pending?.resolve(response.result);
  }

  private fail(error: Error): void {
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    busy.delete(this);
    this.worker = undefined;
  }
}
