import type { NamedValues } from '../ir/types.js';
import { batchSize } from './pool.js';
import type { SessionOptions } from './protocol.js';
import { RuntimeThread, Session } from './session.js';

/** Milliseconds per run of several models that took turns on the same inputs. */
export interface LatencySeries {
  /** Samples in a run: the length of the inputs' first axis. */
  batch: number;
  /** One array per model, in the order given; entry k of each was measured in the same round. */
  milliseconds: Float64Array[];
}

/** How long to measure. */
export interface LatencyBudget {
  /** Milliseconds to spend on one measurement, warm-up not counted. */
  milliseconds: number;
  /** Fewest and most rounds. */
  rounds: readonly [number, number];
}

/**
 * Measures models in alternation in one thread, so that drift of the machine's speed touches all alike (Kalibera and
 * Jones, "Rigorous benchmarking in reasonable time", 2013). A few rounds warm up and set the number that fits the budget.
 * @param models bytes or paths.
 * @param feeds inputs per batch size; one for all models or, where they take different ones, a list with those of each.
 */
export async function measureLatency(
  models: readonly (Uint8Array | string)[],
  feeds: readonly (NamedValues | readonly NamedValues[])[],
  options: SessionOptions,
  budget: LatencyBudget,
): Promise<LatencySeries[]> {
  const thread = new RuntimeThread();
  try {
    const sessions: Session[] = [];
    for (const model of models) sessions.push(await Session.create(model, options, thread));
    const series: LatencySeries[] = [];
    for (const feed of feeds) series.push(await measure(sessions, feed, budget));
    for (const session of sessions) await session.release();
    return series;
  } finally {
    await thread.close();
  }
}

async function measure(
  sessions: readonly Session[],
  feed: NamedValues | readonly NamedValues[],
  budget: LatencyBudget,
): Promise<LatencySeries> {
  const feeds = isList(feed) ? feed : sessions.map(() => feed);
  const warm = await Session.time(sessions, feeds, 3);
  const round = Math.min(...warm.map((row) => row.reduce((sum, ms) => sum + ms, 0)));
  const [least, most] = budget.rounds;
  const rounds = Math.max(least, Math.min(most, Math.ceil(budget.milliseconds / Math.max(round, 1e-3))));
  const rows = await Session.time(sessions, feeds, rounds);
  const milliseconds = sessions.map((_, k) => Float64Array.from(rows, (row) => row[k]!));
  return { batch: batchSize(feeds[0]!), milliseconds };
}

const isList = (feed: NamedValues | readonly NamedValues[]): feed is readonly NamedValues[] => Array.isArray(feed);
