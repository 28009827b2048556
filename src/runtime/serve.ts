import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, UserError } from '../errors.js';
import type { ThreadMethods, ThreadRequest, ThreadResponse } from './thread.js';

/** @throws Error where the main thread wants no more work done */
export function checkStop(): void {
  if (Atomics.load(workerData as Int32Array, 0)) throw new Error('stopped');
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
    parentPort?.postMessage(response);
  });
}
