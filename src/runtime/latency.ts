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
  /** True where runs took different inputs, so that means tell what medians would hide; entry k then is the median of the runs
   * on input k. */
  varied: boolean;
}

/** What a model is timed on: one input, or several that are taken in a row. */
export type TimedInputs = NamedValues | readonly NamedValues[];

/** What several models are timed on: the same, or each on its own. */
export type SharedInputs = TimedInputs | { each: readonly TimedInputs[] };

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
 * @param feeds inputs per batch size. Of several, all of one batch size, each model takes some in a row, in every round.
 */
export async function measureLatency(
  models: readonly (Uint8Array | string)[],
  feeds: readonly SharedInputs[],
  options: SessionOptions,
  budget: LatencyBudget,
): Promise<LatencySeries[]> {
  const thread = RuntimeThread.take();
  try {
    const sessions: Session[] = [];
    for (const model of models) sessions.push(await Session.create(model, options, thread));
    const series: LatencySeries[] = [];
    for (const feed of feeds) series.push(await measure(sessions, feed, budget));
    return series;
  } finally {
    await thread.giveBack();
  }
}

async function measure(
  sessions: readonly Session[],
  feed: SharedInputs,
  budget: LatencyBudget,
): Promise<LatencySeries> {
  const own = ownInputs(feed) ?? sessions.map(() => feed as TimedInputs);
  const feeds = own.map((one) => (isList(one) ? one : [one]));
  const varied = feeds.some((own) => own.length > 1);
  const few = feeds.map((own) => own.slice(0, 3));
  const warm = await Session.time(sessions, few, 3);
  const round = Math.min(...warm.map((row) => row.reduce((sum, ms) => sum + ms, 0)));
  const [least, most] = budget.rounds;
  const rounds = Math.max(least, Math.min(most, Math.ceil(budget.milliseconds / Math.max(round, 1e-3))));
  const batch = batchSize(feeds[0]![0]!);
  if (!varied) return { batch, varied, milliseconds: columns(await Session.time(sessions, feeds, rounds)) };
  const inputs = Math.min(feeds[0]!.length, Math.ceil(rounds / REPEATS));
  const some = feeds.map((own) => own.slice(0, inputs));
  const all = columns(await Session.time(sessions, some, Math.max(REPEATS, Math.floor(rounds / inputs))));
  return { batch, varied, milliseconds: all.map((times) => mediansOf(times, inputs)) };
}

/** Runs on each of several inputs, at least: what disturbs one of them does not count. */
const REPEATS = 3;

/** The median of every `step`-th time, for each place to begin at. */
function mediansOf(times: Float64Array, step: number): Float64Array {
  return Float64Array.from({ length: step }, (_, first) => {
    const own = times.filter((_, k) => k % step === first).sort();
    return own[own.length >> 1]!;
  });
}

function columns(rows: readonly Float64Array[]): Float64Array[] {
  return Array.from(rows[0]!, (_, k) => Float64Array.from(rows, (row) => row[k]!));
}

const isList = (feed: TimedInputs): feed is readonly NamedValues[] => Array.isArray(feed);

/** Inputs of each model, where each has its own. */
function ownInputs(feed: SharedInputs): readonly TimedInputs[] | undefined {
  // A model may have an input that is called so, too.
  return 'each' in feed && Array.isArray(feed.each) ? feed.each : undefined;
}

/** True where some model is timed on several inputs. */
export const isVaried = (feed: SharedInputs): boolean => (ownInputs(feed) ?? [feed as TimedInputs]).some(isList);
