import { Emitter } from '../../ir/emitter.js';
import type { ValueInfo } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { NamedValues } from '../../ir/types.js';
import { arraysOf, giveBack } from '../../runtime/give-back.js';
import { batchSize, rowsOf, runPool } from '../../runtime/pool.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import { Session } from '../../runtime/session.js';
import { withLoadable } from '../../runtime/source.js';
import { CELLS, CellCounts, type Histogram } from './histogram.js';
import { isFiniteRange, type Range } from './integers.js';

/** What was seen of one value over all calibration samples. */
export interface ValueStatistics extends Range {
  /** Absent where it was not asked for, or all values are the same or not finite. */
  histogram?: Histogram;
}

/** How models are run over calibration data. */
export interface CalibrationRun {
  session?: SessionOptions;
  /** Copies of the model that share the batches, each in a thread of its own; one where absent. */
  workers?: number;
}

/** Batches of a model's inputs, streamable more than once. */
export type CalibrationBatches = () => AsyncIterable<NamedValues>;

/**
 * Ranges (and histograms) of values over calibration data, in one pass. The statistics are nodes appended to the model: what
 * leaves the runtime are extremes and the numbers of the cells that values lie in, which are counted where the model runs, so
 * that memory does not grow with the number of samples. Copies of the model share the batches; what they find does not depend
 * on their number.
 * @param values names of float32 values of the main graph.
 */
export async function collectStatistics(
  model: Model,
  values: readonly string[],
  batches: CalibrationBatches,
  { histograms, ...options }: CalibrationRun & { histograms: boolean },
): Promise<Map<string, ValueStatistics>> {
  const ranges = values.map((): Range => ({ low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY }));
  const cells = histograms ? values.map(() => new CellCounts()) : [];
  const measuring = measuringModel(model, values, histograms);
  const runs = histograms ? await inSmallRuns(measuring, batches, options) : batches;
  await stream(measuring.model, runs, options, (results) => {
    const facts = results[measuring.facts]!.data as Float32Array;
    ranges.forEach((range, k) => {
      const own = facts.subarray((k * facts.length) / values.length);
      range.low = Math.min(range.low, own[0]!);
      range.high = Math.max(range.high, own[1]!);
      cells[k]?.add(results[measuring.cells[k]!]!.data as Uint32Array, -Math.round(Math.log2(own[2]!)));
    });
  });
  return new Map(values.map((name, k) => [name, statisticsOf(ranges[k]!, cells[k])]));
}

function statisticsOf(range: Range, cells: CellCounts | undefined): ValueStatistics {
  if (range.low > range.high) return NEVER_SEEN;
  const hasSpread = isFiniteRange(range) && range.high > range.low;
  return { ...range, ...(cells && hasSpread && { histogram: cells.histogram(range) }) };
}

/** The range of a value that had no elements. */
const NEVER_SEEN: Range = { low: 0, high: 0 };

/** Runs a model over all batches, handing each result to `take`. */
async function stream(
  model: Model,
  batches: CalibrationBatches,
  { session, workers = 1 }: CalibrationRun,
  take: (results: NamedValues) => void,
): Promise<void> {
  async function* runs() {
    for await (const feeds of batches()) yield { feeds };
  }
  await withLoadable([model], async (sources) => {
    for await (const { outputs } of runPool(sources, runs(), { workers, session: settingsOf(session) })) {
      take(outputs[0]!);
      giveBack(arraysOf(outputs[0]!));
    }
  });
}

const settingsOf = (session: SessionOptions | undefined): SessionOptions => ({
  ...session,
  optimization: 'basic',
  memoryPattern: false,
  countsBelow: CELLS,
});

/** Elements whose cells are held at once, two bytes each: those of a run are counted when it is done. */
const HELD = 8 * 1024 * 1024;

/** The same batches, in fewer rows at a time where a whole batch has too many elements. */
async function inSmallRuns(
  { model, cells }: MeasuringModel,
  batches: CalibrationBatches,
  { session }: CalibrationRun,
): Promise<CalibrationBatches> {
  const isFixed = model.graph.inputs.some(({ type }) => type?.kind === 'tensor' && typeof type.shape?.[0] === 'number');
  if (isFixed) return batches;
  for await (const feeds of batches()) {
    const one = await withLoadable([model], ([source]) =>
      Session.runOnce(source!, rowsOf(feeds, 0, 1), settingsOf(session)),
    );
    const sizeOf = (name: string) => (one[name]!.data as Uint32Array).reduce((sum, count) => sum + count, 0);
    const elements = cells.reduce((sum, name) => sum + sizeOf(name), 0);
    return inRows(batches, Math.max(1, Math.floor(HELD / elements)));
  }
  return batches;
}

const inRows = (batches: CalibrationBatches, rows: number): CalibrationBatches =>
  async function* () {
    for await (const feeds of batches()) {
      const all = batchSize(feeds);
      for (let row = 0; row < all; row += rows) yield rowsOf(feeds, row, Math.min(all, row + rows));
    }
  };

/** A model that gives statistics of its values and nothing else. */
interface MeasuringModel {
  model: Model;
  /** The output with, of each value in turn, low and high; with histograms also cells per unit and the number of elements. */
  facts: string;
  /** The outputs with the cells that the elements of each value lie in; none without histograms. */
  cells: string[];
}

/** A range that values have at least, in which they would all lie in the middle cells. */
const TINY = 1e-30;

function measuringModel(original: Model, values: readonly string[], histograms: boolean): MeasuringModel {
  const model = original.clone();
  const g = new Emitter(model, 'nncompress');
  const extreme = (op: string, value: string) => g.reshape(g.op(op, [value], { keepdims: 0 }), [1]);
  const parts = lastFirst(values, (value) => {
    const high = extreme('ReduceMax', value);
    const low = extreme('ReduceMin', value);
    if (!histograms) return { facts: [low, high] };
    // Cells as wide as a power of two: as many fill the largest magnitude as there are on one side of zero, or half of them.
    const largest = g.op('Max', [high, g.neg(low), g.constantOf('float32', [1], [TINY])]);
    const exponent = g.op('Floor', [g.add(g.mul(g.op('Log', [largest]), Math.LOG2E), 1e-4)]);
    const cellsPerUnit = g.op('Pow', [2, g.sub(Math.log2(CELLS / 4), exponent)]);
    const cells = g.cast(g.add(g.mul(value, cellsPerUnit), CELLS / 2), 4);
    // By the number of elements the last node depends on the cells, so that they are computed when the value is.
    const size = g.reshape(g.cast(g.op('Size', [cells]), 1), [1]);
    return { cells, facts: [low, high, cellsPerUnit, size] };
  });
  const facts = g.op(
    'Concat',
    parts.flatMap((part) => part.facts),
    { axis: 0 },
  );
  const cells = parts.flatMap((part) => part.cells ?? []);
  model.graph.outputs = [
    { name: facts, type: { kind: 'tensor', elem: 'float32', shape: [undefined] } },
    ...cells.map((name): ValueInfo => ({ name, type: { kind: 'tensor', elem: 'uint16', shape: undefined } })),
  ];
  return { model, facts, cells };
}

/**
 * Makes nodes for each item, those of the last item first. ONNX Runtime orders a graph depth first from its end and
 * follows the inputs of a node from the one made last to the one made first. So each value is summed up, and its memory
 * is free, before the next is computed; made in the usual order, the first value would be summed up when all are held.
 */
function lastFirst<T, R>(items: readonly T[], make: (item: T, index: number) => R): R[] {
  const made: R[] = [];
  for (let i = items.length - 1; i >= 0; i--) made[i] = make(items[i]!, i);
  return made;
}
