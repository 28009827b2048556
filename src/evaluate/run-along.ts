import { chunks } from '../data/batches.js';
import type { Batch } from '../data/types.js';
import type { NamedValues } from '../ir/types.js';
import { runPool } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';

/** A model that runs along with the training of another one. */
export interface Companion {
  /** Its bytes, or the path of its file. */
  source: Uint8Array | string;
  /** Rows that it insists on. */
  fixedBatch: number | undefined;
  /** Threads that each hold a copy; batches that lie ready are twice as many. */
  workers: number;
  session: SessionOptions;
  /** What it takes of the rows `begin` … `end` (excluded) of a batch. */
  feedsOf(batch: Batch, begin: number, end: number): NamedValues | Promise<NamedValues>;
}

/**
 * Runs a model along with the batches that another one takes, some batches ahead.
 * @param finish what its outputs for rows of a batch become.
 * @returns each batch with what its rows became, a part for each run; none for one without rows.
 */
export async function* runAlong<B extends Batch, Part>(
  { source, fixedBatch, workers, session, feedsOf }: Companion,
  batches: AsyncIterable<B>,
  finish: (outputs: NamedValues, batch: B) => Part,
): AsyncGenerator<{ batch: B; parts: Part[] }> {
  const begun: B[] = [];
  async function* runs() {
    for await (const batch of batches) {
      begun.push(batch);
      const pieces = chunks([...batch.indices.keys()], fixedBatch ?? Math.max(1, batch.indices.length));
      for (const [k, rows] of pieces.entries())
        yield { batch, feeds: await feedsOf(batch, rows[0]!, rows.at(-1)! + 1), isLast: k === pieces.length - 1 };
    }
  }
  let parts: Part[] = [];
  for await (const { batch: run, outputs } of runPool([source], runs(), { workers, session, fixedBatch })) {
    parts.push(finish(outputs[0]!, run.batch));
    if (!run.isLast) continue;
    while (begun[0] !== run.batch) yield { batch: begun.shift()!, parts: [] };
    yield { batch: begun.shift()!, parts };
    parts = [];
  }
  for (const batch of begun) yield { batch, parts: [] };
}

/**
 * Which input of a model each input of another one is, where both take the same numbers.
 * @param own,other inputs of both for the same samples.
 * @returns undefined where they take other numbers
 */
export function sharedInputs(own: NamedValues, other: NamedValues): ReadonlyMap<string, string> | undefined {
  const names = Object.keys(own);
  const pairs = Object.keys(other).map((name, k) => [name, name in own ? name : (names[k] ?? '')] as const);
  const isSame = (name: string, counterpart: string) => {
    const [a, b] = [other[name]!, own[counterpart]];
    return a.type === b?.type && a.dims.join() === b.dims.join() && a.data.every((value, k) => value === b.data[k]);
  };
  return pairs.every(([name, counterpart]) => isSame(name, counterpart)) ? new Map(pairs) : undefined;
}

/** The inputs of a model, taken from those of another one. */
export const takenFrom = (inputs: ReadonlyMap<string, string>, feeds: NamedValues): NamedValues =>
  Object.fromEntries([...inputs].map(([name, counterpart]) => [name, feeds[counterpart]!]));
