import { type AlignedValue, alignValues } from '../analysis/align-values.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { resizeBatch } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { Session } from '../runtime/session.js';
import { withLoadable } from '../runtime/source.js';
import { floatsOf } from './evaluate-models.js';
import { type Fidelity, FidelityAccumulator } from './fidelity.js';

/** A model and the data prepared for it. */
export interface LayerModel {
  model: Model;
  data: TaskData;
}

/** How near an inner value of the second model comes to the first one's. */
export interface LayerFidelity extends Omit<Fidelity, 'agreement'> {
  name: string;
  /** Name in the second model, where that is another. */
  counterpart?: string;
  op: string;
}

/** Where the error of the second model arises. */
export interface LayerComparison {
  samples: number;
  /** In the topological order of the first model. */
  values: LayerFidelity[];
  /** The first value with more error than rounding in float32 leaves. */
  start?: string;
  /** The value at which most error is added to that of the values it is computed from, as a share of its own power. */
  mostAdded?: string;
}

/** Two exports of the same weights differ by less than this share of a value's power (80 dB): rounding in float32. */
const ROUNDING_ERROR = 1e-8;
/** Samples in a run: every activation of them is held at once. */
const BATCH = 4;

/**
 * Runs two models on the same samples and compares the inner values that both compute (`alignValues`), node by node
 * without the runtime's fusions.
 * @param indices samples to run on; a few dozen tell enough.
 * @param sameScores whether the scores of both are of one kind, so that they belong together whatever they are called.
 * @throws UserError where the two have no value in common
 */
export async function compareLayers(
  first: LayerModel,
  second: LayerModel,
  indices: readonly number[],
  session: SessionOptions,
  sameScores: boolean,
): Promise<LayerComparison> {
  const scores = [first.data.output, second.data.output] as const;
  const aligned = await alignValues(first.model, second.model, sameScores ? [scores] : []);
  if (!aligned.length) throw new UserError('the models have no inner values in common', { file: '--layers' });
  const accumulators = new Map(aligned.map(({ name }) => [name, new FidelityAccumulator(name)]));
  const unfit = new Set<string>();
  const probes = [
    probeOf(
      first.model,
      aligned.map(({ name }) => name),
    ),
    probeOf(
      second.model,
      aligned.map(({ counterpart }) => counterpart),
    ),
  ];
  const sessions = await withLoadable(probes, (sources) =>
    Promise.all(sources.map((source) => Session.create(source, { ...session, optimization: 'disabled' }))),
  );
  const size = first.data.fixedBatch ?? second.data.fixedBatch ?? BATCH;
  try {
    for (let start = 0; start < indices.length; start += size) {
      const part = indices.slice(start, start + size);
      const [ours, theirs] = await Promise.all([
        runBatch(sessions[0]!, first.data, part, size),
        runBatch(sessions[1]!, second.data, part, size),
      ]);
      if (ours && theirs) addValues(aligned, ours, theirs, accumulators, unfit);
    }
  } finally {
    for (const each of sessions) await each.release();
  }
  return summarize(aligned, accumulators, unfit, indices.length);
}

/** The model with some inner values as its outputs. */
function probeOf(model: Model, values: readonly string[]): Model {
  const probe = model.clone();
  probe.graph.outputs = [...new Set(values)].map((name) => ({ name }));
  return probe;
}

async function runBatch(
  session: Session,
  data: TaskData,
  indices: readonly number[],
  size: number,
): Promise<NamedValues | undefined> {
  for await (const { feeds } of data.stream(indices, indices.length))
    return session.run(indices.length < size ? resizeBatch(feeds, size) : feeds);
  return undefined;
}

function addValues(
  aligned: readonly AlignedValue[],
  ours: NamedValues,
  theirs: NamedValues,
  accumulators: ReadonlyMap<string, FidelityAccumulator>,
  unfit: Set<string>,
): void {
  for (const { name, counterpart } of aligned) {
    const [value, other] = [ours[name]!, theirs[counterpart]!];
    if (value.dims.join() !== other.dims.join()) unfit.add(name);
    else if (value.data.length) accumulators.get(name)!.add(floatsOf(value), floatsOf(other));
  }
}

function summarize(
  aligned: readonly AlignedValue[],
  accumulators: ReadonlyMap<string, FidelityAccumulator>,
  unfit: ReadonlySet<string>,
  samples: number,
): LayerComparison {
  const values: LayerFidelity[] = [];
  const errors = new Map<string, number>();
  let most: { name: string; added: number } | undefined;
  for (const { name, counterpart, op, sources } of aligned) {
    const accumulator = accumulators.get(name)!;
    if (unfit.has(name) || !accumulator.elements || accumulator.nonFinite) continue;
    const { agreement: _, ...fidelity } = accumulator.result();
    values.push({ name, ...(counterpart !== name && { counterpart }), op, ...fidelity });
    const error = fidelity.sqnrDb === undefined ? 0 : 10 ** (-fidelity.sqnrDb / 10);
    errors.set(name, error);
    const added = error - Math.max(0, ...sources.map((source) => errors.get(source) ?? 0));
    if (added > ROUNDING_ERROR && added > (most?.added ?? 0)) most = { name, added };
  }
  const start = values.find(({ name }) => errors.get(name)! > ROUNDING_ERROR)?.name;
  return { samples, values, ...(start !== undefined && { start }), ...(most && { mostAdded: most.name }) };
}
