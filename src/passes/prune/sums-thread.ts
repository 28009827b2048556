import type { Model } from '../../ir/model.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import { withLoadable } from '../../runtime/source.js';
import { WorkerThread } from '../../runtime/thread.js';
import type { CalibrationBatches } from '../quantize/calibrate.js';
import type { SumsMethods } from './sums-protocol.js';

/** What a model is run on. */
export interface CollectOptions {
  batches: CalibrationBatches;
  session?: SessionOptions | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * A thread that adds up outputs of models over batches, and computes with the sums. So memory does not grow with the
 * data, and neither loads of numbers nor matrices come into the thread that calls.
 */
export class SumsThread extends WorkerThread<SumsMethods> {
  constructor() {
    super(new URL('./sums-worker.js', import.meta.url));
  }

  /** Runs a model on all batches, and has `use` ask for what is computed from the sums. */
  async collect<T>(model: Model, { batches, session, signal }: CollectOptions, use: () => Promise<T>): Promise<T> {
    await withLoadable([model], ([source]) => this.call('open', source!, session ?? {}));
    try {
      for await (const feeds of batches()) {
        signal?.throwIfAborted();
        await this.call('add', feeds);
      }
      return await use();
    } finally {
      await this.call('close');
    }
  }
}
