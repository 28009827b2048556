import type { Model } from '../../ir/model.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import { withLoadable } from '../../runtime/source.js';
import { WorkerThread } from '../../runtime/thread.js';
import type { CalibrationBatches } from '../quantize/calibrate.js';
import type { Keep, SumsMethods } from './sums-protocol.js';

/** What a model is run on. */
export interface CollectOptions {
  batches: CalibrationBatches;
  session?: SessionOptions | undefined;
  signal?: AbortSignal | undefined;
  /** Called where a part of the work is done: a pass over the data, or a group. */
  onProgress?: ((done: number, of: number) => void) | undefined;
}

/**
 * A thread that adds up outputs of models over batches, and computes with the sums. So memory does not grow with the
 * data, and neither loads of numbers nor matrices come into the thread that calls.
 */
export class SumsThread extends WorkerThread<SumsMethods> {
  constructor() {
    super(new URL('./sums-worker.js', import.meta.url));
  }

  /** How many batches there were in the last pass. */
  batches = 0;

  /**
   * Runs a model on all batches, and has `use` ask for what is computed from the sums. One without outputs is not run.
   * @param keep what is kept of each batch for the models after this one.
   */
  async collect<T>(
    model: Model,
    { batches, session, signal }: CollectOptions,
    use: () => Promise<T>,
    keep?: Keep,
  ): Promise<T> {
    if (!model.graph.outputs.length) return use();
    await withLoadable([model], ([source]) => this.call('open', source!, session ?? {}, keep));
    try {
      this.batches = 0;
      for await (const feeds of batches()) {
        signal?.throwIfAborted();
        await this.call('add', feeds);
        this.batches++;
      }
      return await use();
    } finally {
      await this.call('close');
    }
  }
}
