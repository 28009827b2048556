import type { NamedValues, TensorValue, TypedArray } from '../ir/types.js';
import { isManifest } from '../onnx/parts.js';
import { Pipeline } from './pipeline.js';
import type { SessionOptions } from './protocol.js';
import { RuntimeThread, Session } from './session.js';

/** A batch that several models ran on. */
export interface PoolResult<B> {
  batch: B;
  /** Outputs of each model, in the order of the models. */
  outputs: NamedValues[];
}

/** How a pool runs. */
export interface PoolOptions {
  /** Threads with a session of each model; of several, every operator runs on one core unless the session says otherwise. */
  workers: number;
  /** Size of the first axis that the models insist on; smaller batches are filled up and cut again. */
  fixedBatch?: number | undefined;
  session?: SessionOptions | undefined;
}

/**
 * Runs models over a stream of batches on several threads. Results come in the order of the batches, and no more of
 * them are under way than twice the number of workers, so memory does not grow with the data.
 * @param models bytes or paths.
 */
export async function* runPool<B extends { feeds: NamedValues }>(
  models: readonly (Uint8Array | string)[],
  batches: AsyncIterable<B>,
  options: PoolOptions,
): AsyncGenerator<PoolResult<B>> {
  const threads = Array.from({ length: options.workers }, RuntimeThread.take);
  const pipelines = new Map<string, Pipeline>();
  const underWay: Promise<PoolResult<B>>[] = [];
  try {
    const { session = {}, workers } = options;
    const settings = { ...session, threads: session.threads ?? (workers > 1 ? 1 : undefined) };
    for (const model of models)
      if (typeof model === 'string' && isManifest(model)) pipelines.set(model, await Pipeline.create(model, settings));
    const idle: (readonly Runner[])[] = await Promise.all(
      threads.map((thread) =>
        Promise.all(models.map((model) => pipelines.get(model as string) ?? Session.create(model, settings, thread))),
      ),
    );
    const slots = new Slots(idle);
    const run = async (batch: B) => {
      const sessions = await slots.take();
      return runAll(sessions, batch, options.fixedBatch).finally(() => slots.give(sessions));
    };
    for await (const batch of batches) {
      const result = run(batch);
      result.catch(() => {}); // it may fail before its turn to be awaited comes
      underWay.push(result);
      if (underWay.length >= 2 * options.workers) yield await underWay.shift()!;
    }
    while (underWay.length) yield await underWay.shift()!;
  } finally {
    await Promise.allSettled(underWay);
    await Promise.all([
      ...threads.map((thread) => thread.giveBack()),
      ...[...pipelines.values()].map((one) => one.close()),
    ]);
  }
}

/** A model in a thread, or one whose parts are in several. */
type Runner = Pick<Session, 'run'> | Pipeline;

/** Things that are lent one at a time. */
class Slots<T> {
  private readonly waiting: ((item: T) => void)[] = [];

  constructor(private readonly idle: T[]) {}

  take(): Promise<T> | T {
    return this.idle.pop() ?? new Promise((resolve) => this.waiting.push(resolve));
  }

  give(item: T): void {
    const next = this.waiting.shift();
    if (next) next(item);
    else this.idle.push(item);
  }
}

async function runAll<B extends { feeds: NamedValues }>(
  sessions: readonly Runner[],
  batch: B,
  fixedBatch: number | undefined,
): Promise<PoolResult<B>> {
  const count = batchSize(batch.feeds);
  const padded = fixedBatch && count < fixedBatch ? resizeBatch(batch.feeds, fixedBatch) : batch.feeds;
  const outputs: NamedValues[] = [];
  for (const session of sessions) {
    const result = await session.run(padded);
    outputs.push(padded === batch.feeds ? result : cut(result, fixedBatch!, count));
  }
  return { batch, outputs };
}

/** Length of the first axis of a batch's values. */
export function batchSize(feeds: NamedValues): number {
  return Object.values(feeds)[0]?.dims[0] ?? 0;
}

/** The batch cut or filled up to `count` rows, its last row repeated. */
export function resizeBatch(feeds: NamedValues, count: number): NamedValues {
  const resized: NamedValues = {};
  for (const [name, value] of Object.entries(feeds)) resized[name] = resizeRows(value, count);
  return resized;
}

/** Some rows of a batch. */
export function rowsOf(feeds: NamedValues, begin: number, end: number): NamedValues {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => {
      const step = value.data.length / value.dims[0]!;
      return [
        name,
        { ...value, dims: [end - begin, ...value.dims.slice(1)], data: value.data.slice(begin * step, end * step) },
      ];
    }),
  );
}

function cut(outputs: NamedValues, from: number, to: number): NamedValues {
  const result: NamedValues = {};
  for (const [name, value] of Object.entries(outputs))
    result[name] = value.dims[0] === from ? resizeRows(value, to) : value;
  return result;
}

function resizeRows(value: TensorValue, count: number): TensorValue {
  const rows = value.dims[0] ?? 0;
  const step = value.data.length / Math.max(rows, 1);
  const dims = [count, ...value.dims.slice(1)];
  if (count <= rows) return { ...value, dims, data: value.data.slice(0, count * step) };
  if (Array.isArray(value.data)) {
    const last = value.data.slice((rows - 1) * step);
    return { ...value, dims, data: [...value.data, ...Array.from({ length: count - rows }, () => last).flat()] };
  }
  const data = new (value.data.constructor as new (length: number) => TypedArray)(count * step);
  data.set(value.data as Uint8Array as never);
  const last = value.data.slice((rows - 1) * step);
  for (let row = rows; row < count; row++) data.set(last as never, row * step);
  return { ...value, dims, data };
}
