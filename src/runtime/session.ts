import { Worker } from 'node:worker_threads';
import type { NamedValues } from '../ir/types.js';
import { runtimeError } from './errors.js';
import type {
  SessionInfo,
  SessionOptions,
  SessionValue,
  WorkerMethods,
  WorkerRequest,
  WorkerResponse,
} from './protocol.js';

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Threads that were called and have not answered yet. */
const busy = new Set<RuntimeThread>();
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

/** A thread that holds ONNX Runtime sessions. It ends with the process, or when it is closed. */
export class RuntimeThread {
  private worker: Worker | undefined;
  private readonly pending = new Map<number, Pending>();
  private readonly underWay = new Set<Promise<unknown>>();
  private nextId = 0;

  /** Calls a method of the worker, starting it at the first call. */
  call<M extends keyof WorkerMethods>(
    method: M,
    ...args: Parameters<WorkerMethods[M]>
  ): Promise<Awaited<ReturnType<WorkerMethods[M]>>> {
    if (isStopped()) return new Promise(() => {});
    const worker = this.start();
    const id = this.nextId++;
    busy.add(this);
    const result = new Promise<Awaited<ReturnType<WorkerMethods[M]>>>((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      worker.ref();
      worker.postMessage({ id, method, args } satisfies WorkerRequest);
    });
    const settled = result.catch(() => {}).finally(() => this.underWay.delete(settled));
    this.underWay.add(settled);
    return result;
  }

  /** Ends the thread once its calls are done: a thread that ends inside ONNX Runtime takes the process with it. */
  async close(): Promise<void> {
    await Promise.all(this.underWay);
    const worker = this.worker;
    this.worker = undefined;
    await worker?.terminate();
  }

  private start(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: stopFlag });
    worker.on('message', (response: WorkerResponse) => this.settle(worker, response));
    worker.on('error', (error) => this.fail(error));
    worker.on('exit', (code) => this.fail(new Error(`the ONNX Runtime thread ended with code ${code}`)));
    worker.unref();
    this.worker = worker;
    return worker;
  }

  private settle(worker: Worker, response: WorkerResponse): void {
    const pending = this.pending.get(response.id);
    this.pending.delete(response.id);
    if (!this.pending.size) {
      worker.unref();
      busy.delete(this);
    }
    if (isStopped()) return;
    if ('error' in response) pending?.reject(runtimeError(response.error));
    else pending?.resolve(response.result);
  }

  private fail(error: Error): void {
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    busy.delete(this);
    this.worker = undefined;
  }
}

const shared = new RuntimeThread();
let nextSession = 0;

/** A model that ONNX Runtime has loaded, living in a worker thread. */
export class Session {
  private constructor(
    private readonly thread: RuntimeThread,
    private readonly id: number,
    private readonly info: SessionInfo,
  ) {}

  /**
   * Loads a model from its bytes or its path (needed for external data).
   * @param thread the thread to live in; a shared one where absent.
   * @throws UserError where the model has an operator that this runtime lacks, or the provider is missing.
   */
  static async create(
    model: Uint8Array | string,
    options: SessionOptions = {},
    thread: RuntimeThread = shared,
  ): Promise<Session> {
    const id = nextSession++;
    return new Session(thread, id, await thread.call('create', id, model, options));
  }

  get inputs(): readonly SessionValue[] {
    return this.info.inputs;
  }

  get outputs(): readonly SessionValue[] {
    return this.info.outputs;
  }

  /** Runs the model; `fetches` names the outputs wanted, all where absent. @throws UserError for unfit inputs. */
  run(feeds: NamedValues, fetches?: readonly string[]): Promise<NamedValues> {
    return this.thread.call('run', this.id, feeds, fetches);
  }

  release(): Promise<void> {
    return this.thread.call('release', this.id);
  }

  /**
   * Times sessions of one thread in alternation, turning the order round each round, so that drift of the machine's
   * speed touches all alike. @returns milliseconds, one row per round with one column per session.
   */
  static time(sessions: readonly Session[], feeds: readonly NamedValues[], rounds: number): Promise<Float64Array[]> {
    const thread = sessions[0]?.thread ?? shared;
    if (sessions.some((session) => session.thread !== thread)) throw new Error('timed sessions must share a thread');
    return thread.call(
      'time',
      sessions.map((session) => session.id),
      feeds,
      rounds,
    );
  }
}

/** Providers that the installed ONNX Runtime lists, and whether their files come with the package. */
export function listBackends(): Promise<{ name: string; bundled: boolean }[]> {
  return shared.call('backends');
}
