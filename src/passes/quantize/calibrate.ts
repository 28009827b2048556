import type { Model } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { NamedValues } from '../../ir/types.js';
import { runPool } from '../../runtime/pool.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import { withLoadable } from '../../runtime/source.js';
import { upgradeOpset } from '../opset-upgrade/upgrade-opset.js';
import { runPasses } from '../pass.js';
import { isFiniteRange, type Range } from './integers.js';

/** How many equal bins a histogram has. */
export const BINS = 2048;

/** What was seen of one value over all calibration samples. */
export interface ValueStatistics extends Range {
  /** Counts in `BINS` equal bins from low to high; absent until they were asked for. */
  histogram?: Float64Array;
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
 * Ranges (and histograms) of values over calibration data. The statistics are nodes appended to the model, so that
 * activations never leave the runtime and memory does not grow with the number of samples. Copies of the model share the
 * batches; what they find is put together in the order of the batches, so that it is the same for any number of them.
 * @param values names of float32 values of the main graph.
 */
export async function collectStatistics(
  model: Model,
  values: readonly string[],
  batches: CalibrationBatches,
  { histograms, ...options }: CalibrationRun & { histograms: boolean },
): Promise<Map<string, ValueStatistics>> {
  const ranges = await collectRanges(model, values, batches, options);
  if (histograms) await addHistograms(model, ranges, batches, options);
  return ranges;
}

async function collectRanges(
  model: Model,
  values: readonly string[],
  batches: CalibrationBatches,
  options: CalibrationRun,
): Promise<Map<string, ValueStatistics>> {
  const low = new Float64Array(values.length).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(values.length).fill(Number.NEGATIVE_INFINITY);
  await stream(withRangeOutputs(model, values), batches, options, (results) => {
    const ranges = results.nncompress_ranges!.data as Float32Array;
    for (let i = 0; i < values.length; i++) {
      low[i] = Math.min(low[i]!, ranges[2 * i]!);
      high[i] = Math.max(high[i]!, ranges[2 * i + 1]!);
    }
  });
  return new Map(values.map((name, i) => [name, low[i]! > high[i]! ? NEVER_SEEN : { low: low[i]!, high: high[i]! }]));
}

/** The range of a value that had no elements. */
const NEVER_SEEN: Range = { low: 0, high: 0 };

async function addHistograms(
  model: Model,
  ranges: Map<string, ValueStatistics>,
  batches: CalibrationBatches,
  options: CalibrationRun,
): Promise<void> {
  const spread = new Map([...ranges].filter(([, range]) => isFiniteRange(range) && range.high > range.low));
  const names = [...spread.keys()];
  if (!names.length) return;
  const totals = names.map(() => new Float64Array(BINS));
  await stream(await withHistogramOutputs(model, spread), batches, options, (results) => {
    const counts = results.nncompress_histograms!.data as Float32Array;
    totals.forEach((total, k) => {
      for (let bin = 0; bin < BINS; bin++) total[bin]! += counts[k * BINS + bin]!;
    });
  });
  names.forEach((name, k) => {
    ranges.get(name)!.histogram = totals[k]!;
  });
}

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
  const settings: SessionOptions = { ...session, optimization: 'basic', memoryPattern: false };
  await withLoadable([model], async (sources) => {
    for await (const { outputs } of runPool(sources, runs(), { workers, session: settings })) take(outputs[0]!);
  });
}

function withRangeOutputs(model: Model, values: readonly string[]): Model {
  const copy = model.clone();
  const one = copy.addInitializer(Tensor.from('nncompress_one', 'int64', [1], [1]));
  const extreme = (op: string, value: string) => add(copy, 'Reshape', [add(copy, op, [value], { keepdims: 0 }), one]);
  const parts = lastFirst(values, (value) => {
    const high = extreme('ReduceMax', value);
    return [extreme('ReduceMin', value), high];
  });
  giveOnly(copy, 'Concat', parts.flat(), 'nncompress_ranges', { axis: 0 });
  return copy;
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

/** bin = trunc((x − low) · bins / (high − low)); counts by ScatterElements with addition. */
async function withHistogramOutputs(model: Model, ranges: ReadonlyMap<string, ValueStatistics>): Promise<Model> {
  const copy = model.clone();
  if (copy.opset < 16) await runPasses(copy, [upgradeOpset(16)]);
  const scalar = (name: string, value: number, type: 'float32' | 'int64' = 'float32') =>
    copy.addInitializer(Tensor.from(`nncompress_${name}`, type, [], [value]));
  const flat = copy.addInitializer(Tensor.from('nncompress_flat', 'int64', [1], [-1]));
  const zeros = copy.addInitializer(Tensor.from('nncompress_zeros', 'float32', [BINS], new Float32Array(BINS)));
  const first = scalar('first', 0, 'int64');
  const last = scalar('last', BINS - 1, 'int64');
  const parts = lastFirst([...ranges], ([value, { low, high }], k) => {
    const shifted = add(copy, 'Sub', [value, scalar(`low_${k}`, low)]);
    const scaled = add(copy, 'Mul', [shifted, scalar(`step_${k}`, BINS / (high - low))]);
    // Clipped as integers: NaN would pass a clip of floats and come out of the cast as no bin at all.
    const clipped = add(copy, 'Clip', [add(copy, 'Cast', [scaled], { to: 7 }), first, last]);
    const bins = add(copy, 'Reshape', [clipped, flat]);
    const ones = add(copy, 'ConstantOfShape', [add(copy, 'Shape', [bins])], {
      value: Tensor.from('', 'float32', [1], [1]),
    });
    return add(copy, 'ScatterElements', [zeros, bins, ones], { axis: 0, reduction: 'add' });
  });
  giveOnly(copy, 'Concat', parts, 'nncompress_histograms', { axis: 0 });
  return copy;
}

function add(
  model: Model,
  op: string,
  inputs: string[],
  attributes: Record<string, number | string | Tensor> = {},
): string {
  const output = model.freshName(`nncompress_${op}`);
  model.graph.nodes.push(new Node({ op, name: output, inputs, outputs: [output], attributes }));
  return output;
}

/** Makes a node's output the only one of a model. */
function giveOnly(
  model: Model,
  op: string,
  inputs: string[],
  output: string,
  attributes: Record<string, number>,
): void {
  model.graph.nodes.push(new Node({ op, name: output, inputs, outputs: [output], attributes }));
  model.graph.outputs = [{ name: output, type: { kind: 'tensor', elem: 'float32', shape: [undefined] } }];
}
