import type { World } from '../parallel/world.js';
import { WorkerThread } from '../runtime/thread.js';
import type { ErrandMethods } from './errand-thread.js';
import { findForAll } from './news.js';

/**
 * What the first of several processes decides alone and all do together, one after the other: trainings of models that it
 * makes. Others wait, and are told that it is still at it.
 */
export class Errands<T> {
  private readonly thread = new WorkerThread<ErrandMethods>(new URL('./errand-thread.js', import.meta.url));
  /** Settles the search for the next errand that others wait for. */
  private found: (errand: T | undefined) => void = () => {};
  private told: Promise<unknown> = Promise.resolve();

  private constructor(private readonly isFirst: boolean) {}

  /** Every process of the job opens them; the first one that does waits for the others. */
  static async open<T>({ rank, size }: World): Promise<Errands<T>> {
    const errands = new Errands<T>(rank === 0);
    await errands.thread.call('join', size);
    if (errands.isFirst) errands.search();
    return errands;
  }

  /** In the first process: gives others something to do, and does its part. */
  async handOut<R>(errand: T, work: () => Promise<R>): Promise<R> {
    await this.tell(errand);
    const result = await work();
    this.search();
    return result;
  }

  /** In the first process: lets others go. */
  async end(): Promise<void> {
    await this.tell(undefined);
    await this.thread.close();
  }

  /** In the others: does all that there is to do. */
  async doAll(work: (errand: T) => Promise<unknown>): Promise<void> {
    for (;;) {
      const errand = await findForAll<T | undefined>(this.thread, false, async () => undefined);
      if (errand === undefined) break;
      await work(errand);
    }
    await this.thread.close();
  }

  private search(): void {
    const next = new Promise<T | undefined>((resolve) => {
      this.found = resolve;
    });
    this.told = findForAll(this.thread, true, () => next);
    this.told.catch(() => {}); // whoever hands out the next errand finds it
  }

  private async tell(errand: T | undefined): Promise<void> {
    this.found(errand);
    await this.told;
  }
}
