import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, UserError } from '../errors.js';
import { buffersOf } from './give-back.js';
import type { ThreadMethods, ThreadRequest, ThreadResponse } from './thread.js';

/** @throws Error where the main thread wants no more work done */
export function checkStop(): void {
  if (Atomics.load(workerData as Int32Array, 0)) throw new Error('stopped');
}

/** Arrays that leave the thread with a result. */
const leaving = new WeakMap<object, ArrayBuffer[]>();

/** Has a result take arrays along that the thread needs no more: they are handed over, and not copied. */
export function withArrays<T extends object>(result: T, arrays: readonly ArrayBufferView[]): T {
  leaving.set(result, [...buffersOf(arrays)]);
  return result;
}

/** Answers the calls that `WorkerThread` makes. */
export function serve<Methods extends ThreadMethods<Methods>>(methods: Methods): void {
  parentPort?.on('message', async ({ id, method, args }: ThreadRequest) => {
    let response: ThreadResponse;
    try {
      checkStop();
      response = { id, result: await methods[method as keyof Methods](...args) };
    } catch (error) {
      const mistake = error instanceof UserError ? { what: error.what, place: error.place } : undefined;
      response = { id, error: messageOf(error), mistake };
    }
    const result = 'result' in response ? response.result : undefined;
    parentPort?.postMessage(response, leaving.get(result as object) ?? []);
  });
}
