import type { NamedValues } from '../ir/types.js';
import type { SessionInfo, SessionOptions, SessionValue, WorkerMethods } from './protocol.js';
import { WorkerThread } from './thread.js';

/** A thread that holds ONNX Runtime sessions. */
export class RuntimeThread extends WorkerThread<WorkerMethods> {
  private constructor() {
    super(new URL('./worker.js', import.meta.url));
  }

  /** A thread for oneself: one that was given back, or a new one. */
  static take(): RuntimeThread {
    return idle.pop() ?? new RuntimeThread();
  }

  /** Lets go of the thread's sessions, once its calls are done, and keeps it for whoever takes the next one. */
  async giveBack(): Promise<void> {
    await this.settle();
    if (!this.isStarted) return;
    await this.call('releaseAll');
    idle.push(this);
  }
}

/** Threads that have nothing to do: to start one takes a tenth of a second. */
const idle: RuntimeThread[] = [];
const shared = RuntimeThread.take();
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

  /** Loads a model, runs it once and lets it go. @throws UserError as `create` and `run` do */
  static async runOnce(
    model: Uint8Array | string,
    feeds: NamedValues,
    options: SessionOptions = {},
    fetches?: readonly string[],
  ): Promise<NamedValues> {
    const session = await Session.create(model, options);
    try {
      return await session.run(feeds, fetches);
    } finally {
      await session.release();
    }
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
   * speed touches all alike. In a round, each goes through all of its inputs in a row, as a model that is served does: one
   * that needs some weights only now and then would not find them in the caches that others fill in between.
   * @returns milliseconds, one row per round and input with one column per session.
   */
  static time(
    sessions: readonly Session[],
    feeds: readonly (readonly NamedValues[])[],
    rounds: number,
  ): Promise<Float64Array[]> {
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
