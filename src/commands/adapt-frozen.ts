import { pickIndices } from '../data/sample.js';
import { subsetOf } from '../data/subset.js';
import type { TaskData } from '../data/task.js';
import { sumOf } from '../group.js';
import { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import { DATA_TYPES } from '../ir/types.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import type { ScoreForm } from '../passes/exits/uncertainty.js';
import { formatFixed } from '../report/format.js';
import type { ExitFeatures } from '../students/exit-features.js';
import type { BuiltHeads } from '../students/exit-heads.js';
import { bytesOfFeature, FeatureCache } from '../training/feature-cache.js';
import type { Feature, FrozenPart } from '../training/frozen-part.js';
import type { HeadData } from './adapt-early-exit.js';
import { LAST_SCORES, type TrainedHeads, trainHeads } from './adapt-heads.js';
import type { AdaptOptions } from './adapt-options.js';
import type { CommandContext } from './context.js';
import type { Workbench } from './workbench.js';

/** Heads, and where they are to be in a model. */
export interface PlacedHeads {
  built: BuiltHeads;
  /** What each of them sees. */
  features: readonly ExitFeatures[];
  form: ScoreForm;
}

/** Trains heads on what a model that stays as it is makes of samples, which is computed once. */
export async function trainFrozen(
  flat: Model,
  { built, features, form }: PlacedHeads,
  bench: Workbench,
  { train, ...samples }: HeadData,
  options: AdaptOptions,
  context: CommandContext,
): Promise<TrainedHeads> {
  const part = await featuresOf(flat, built, features, train, form);
  const chosen = withinLimit(samples, part.values, train, context);
  const cache = await compute(bench, part, train, [...chosen.taught, ...chosen.held], context);
  try {
    const known = { taught: cache.known(chosen.taught), held: cache.known(chosen.held) };
    return await trainHeads(built, { bench, data: train, form, cache, ...known }, options, context);
  } finally {
    cache.close();
  }
}

/** The largest number that float16 holds. */
const MOST_HALF = 65504;

/** The model from its inputs to what heads take, in float16, and the scores of the last exit. */
async function featuresOf(
  flat: Model,
  { inputs }: BuiltHeads,
  features: readonly ExitFeatures[],
  { output }: TaskData,
  { width }: ScoreForm,
): Promise<Pick<FrozenPart, 'features' | 'values'>> {
  const model = flat.clone();
  const g = new Emitter(model, 'kept');
  const values: Feature[] = [];
  const give = (value: string, { name, type, sizes }: Feature) => {
    g.rename(value, name);
    values.push({ name, type, sizes });
    return { name, type: { kind: 'tensor' as const, elem: type, shape: ['batch', ...sizes] } };
  };
  model.graph.outputs = [
    ...features.map(({ value, sizes }, k) => {
      const half = g.cast(g.op('Clip', [value, -MOST_HALF, MOST_HALF]), DATA_TYPES.float16.code);
      return give(half, { name: inputs[k]!, type: 'float16', sizes });
    }),
    give(g.op('Flatten', [g.cast(output, DATA_TYPES.float32.code)], { axis: 1 }), {
      ...{ name: LAST_SCORES, type: 'float32', sizes: [width] },
    }),
  ];
  await removeDeadNodes.run(model);
  return { features: model, values };
}

/** Bytes that features may take on disk. */
const MOST_BYTES = 2e9;

/** Some of the samples, where the features of all would take too much room. */
function withinLimit(
  { taught, held }: Pick<HeadData, 'taught' | 'held'>,
  values: readonly Feature[],
  { dataset }: TaskData,
  context: CommandContext,
): Pick<HeadData, 'taught' | 'held'> {
  const most = Math.floor(MOST_BYTES / sumOf(values, bytesOfFeature));
  const all = taught.length + held.length;
  if (all <= most) return { taught, held };
  const some = (indices: readonly number[]) => {
    const count = Math.max(1, Math.floor((most * indices.length) / all));
    return pickIndices(subsetOf(dataset, indices), count, 0).map((place) => indices[place]!);
  };
  const less = { taught: some(taught), held: some(held) };
  context.note(
    `exits learn from ${formatFixed(less.taught.length)} of ${formatFixed(taught.length)} samples, whose features fit on disk`,
  );
  return less;
}

async function compute(
  bench: Workbench,
  part: Pick<FrozenPart, 'features' | 'values'>,
  data: TaskData,
  indices: readonly number[],
  context: CommandContext,
): Promise<FeatureCache> {
  const task = context.progress.start('computing what exits see', indices.length);
  const { workers, session } = bench;
  const onProgress = (samples: number) => task.advance(samples);
  const options = { workers, session, fixedBatch: data.fixedBatch, onProgress };
  const cache = await FeatureCache.compute(part, data.stream(indices), options);
  task.done();
  return cache;
}
