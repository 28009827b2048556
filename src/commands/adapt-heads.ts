import type { TaskData } from '../data/task.js';
import { ClassificationAccumulator } from '../evaluate/classification.js';
import { floatsOf } from '../evaluate/evaluate-models.js';
import { classesOf, logitsFrom } from '../evaluate/soft-targets.js';
import { sumOf } from '../group.js';
import { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import { DATA_TYPES } from '../ir/types.js';
import type { ScoreForm } from '../passes/exits/uncertainty.js';
import { runPool } from '../runtime/pool.js';
import { withLoadable } from '../runtime/source.js';
import type { BuiltHeads } from '../students/exit-heads.js';
import type { FeatureCache } from '../training/feature-cache.js';
import { distilling, together } from '../training/objectives.js';
import type { Optimizer } from '../training/optimizers.js';
import { prepareForTraining } from '../training/prepare.js';
import { bestReplicas, Replicas } from '../training/replicas.js';
import { buildStepGraph, hasBatchNorms, type Objective } from '../training/step-graph.js';
import { train, type Validation } from '../training/trainer.js';
import { tensorsOf, withWeights } from '../training/weights.js';
import type { AdaptOptions } from './adapt-options.js';
import type { CommandContext } from './context.js';
import { cachedFeedsOf, firstOf, type TeacherTargets } from './training-data.js';
import { epochProgress, type TrainedModel } from './training-run.js';
import type { Workbench } from './workbench.js';

/** The value of a feature cache that holds the scores of the last exit. */
export const LAST_SCORES = 'nncompress/last_scores';

/** Heads, and how they were trained. */
export type TrainedHeads = Pick<TrainedModel, 'model' | 'samples' | 'seconds' | 'workers' | 'bestEpoch' | 'history'>;

/** What heads learn from: features of a frozen model. */
export interface HeadTraining {
  bench: Pick<Workbench, 'provider' | 'session' | 'workers'>;
  data: TaskData;
  form: ScoreForm;
  /** Holds, by the names of the heads' inputs, features in float16, and the scores of the last exit. */
  cache: FeatureCache;
  /** Samples that are learnt from, and those that show how far that goes. */
  taught: readonly number[];
  held: readonly number[];
}

/** Half of what is learnt are the labels, half what the last exit says (Phuong and Lampert 2019). */
const LEARNT = { loss: 'kd', temperature: 1, alpha: [0.5, 0.5], beta: 0 } as const;

const OPTIMIZER: Optimizer = {
  ...{ name: 'adamw', betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 },
  ...{ momentum: 0, nesterov: false, maxGradientNorm: 0, emaDecay: 0 },
};

/** Samples of an update: heads are small, whatever the model is. */
const BATCH = 64;
const LEARNING_RATE = 2e-3;
/** Updates that heads take, where nothing is said: data is gone through at least and at most so many times. */
const UPDATES = 2000;
const EPOCHS = [3, 60] as const;
const WARMUP = 0.05;

/**
 * Trains heads together on features that were computed once: the mean of their losses with the labels and with the last
 * exit's scores.
 * @returns the heads, and how that went
 */
export async function trainHeads(
  built: BuiltHeads,
  site: HeadTraining,
  options: AdaptOptions,
  context: CommandContext,
): Promise<TrainedHeads> {
  const { bench, cache, taught } = site;
  const learning = withTargets(site);
  const batchSize = Math.min(options.batch ?? BATCH, taught.length);
  const stepsPerEpoch = Math.ceil(taught.length / batchSize);
  const epochs = options.epochs ?? Math.min(EPOCHS[1], Math.max(EPOCHS[0], Math.ceil(UPDATES / stepsPerEpoch)));
  const feeds = { batchSize, epochs, seed: options.seed, classWeights: 'none' as const };
  const batches = cachedFeedsOf({ data: learning.data, indices: taught, teacher: learning.teacher }, cache, feeds);
  const model = withHalfInputs(built);
  const trainable = await prepareForTraining(model);
  const batchStatistics = hasBatchNorms(trainable);
  const graph = await buildStepGraph(trainable, {
    ...{ batchStatistics, rows: batchSize, provider: bench.provider },
    objective: objectiveOf(built, site),
    typical: await firstOf(batches(1, 0)),
  });
  const replicas = bestReplicas(trainable.parameters, batchStatistics);
  const group = await Replicas.create(graph, { optimizer: OPTIMIZER, replicas, session: bench.session });
  const totalSteps = stepsPerEpoch * epochs;
  try {
    const result = await train(group, {
      ...{ epochs, stepsPerEpoch, batches, accumulate: 1 },
      learningRate: options.lr ?? LEARNING_RATE,
      schedule: { name: 'cosine', warmupSteps: Math.round(WARMUP * totalSteps), totalSteps },
      validate: (vector, epoch) =>
        accuracyOf(withWeights(model, tensorsOf(group.layout, vector)), built, { ...site, data: learning.data }, epoch),
      ...epochProgress(context, 'training exits', taught.length, epochs),
    });
    const weights = tensorsOf(group.layout, result.parameters);
    return { ...result, model: withWeights(built.model, weights), workers: replicas };
  } finally {
    await group.close();
  }
}

/** The loss of all heads: the mean of theirs. */
function objectiveOf({ outputs }: BuiltHeads, { form, data }: HeadTraining): Objective {
  const { kind } = form;
  const common = { ...LEARNT, kind, probabilities: false, classes: data.labels.classes.length, labelSmoothing: 0 };
  const each = outputs.map((output) => distilling({ ...common, output }));
  return together(each, 1 / each.length);
}

/** What the last exit says of samples; where one has no label, that stands for it. */
function withTargets({ data, form, cache, taught, held }: HeadTraining): { data: TaskData; teacher: TeacherTargets } {
  const logits = (indices: readonly number[]) =>
    logitsFrom(
      floatsOf(cache.read(indices, [LAST_SCORES])[LAST_SCORES]!),
      form.probabilities ? 'probabilities' : 'logits',
      form.kind,
    );
  const { targets } = data.labels;
  const isLabelled = (index: number) => targets[index] !== undefined;
  const filled = [...targets];
  for (const index of [...taught, ...held])
    if (!isLabelled(index)) filled[index] = classesOf(logits([index]), form.kind);
  return {
    data: { ...data, labels: { ...data.labels, targets: filled } },
    teacher: { ...LEARNT, logits, isLabelled, key: '' },
  };
}

/** The heads with inputs in float16, as features are kept. */
function withHalfInputs({ model, inputs }: BuiltHeads): Model {
  const copy = model.clone();
  const { graph } = copy;
  const nodes = graph.nodes;
  graph.nodes = [];
  const g = new Emitter(copy, 'features');
  const floats = new Map(inputs.map((name) => [name, g.cast(name, DATA_TYPES.float32.code)]));
  const casts = graph.nodes;
  graph.nodes = nodes;
  graph.replaceAllUses(floats);
  graph.nodes = [...casts, ...nodes];
  for (const info of graph.inputs) if (info.type?.kind === 'tensor') info.type = { ...info.type, elem: 'float16' };
  return copy;
}

/** Rows of features in a run that measures heads. */
const MEASURED = 256;

/** Accuracy of heads on the samples that they do not learn from; the last epoch counts as the best. */
async function accuracyOf(
  model: Model,
  { inputs, outputs }: BuiltHeads,
  { bench, data, form, cache, held }: HeadTraining,
  epoch: number,
): Promise<Validation> {
  const known = cache.known(held);
  if (!epoch || !known.length) return { score: epoch, figures: {} };
  const names = form.kind === 'binary' ? ['0', '1'] : data.labels.classes;
  const found = outputs.map(() => new ClassificationAccumulator(names, form.kind, { outputKind: 'logits' }));
  async function* batches() {
    for (let begin = 0; begin < known.length; begin += MEASURED) {
      const indices = known.slice(begin, begin + MEASURED);
      yield { indices, feeds: cache.read(indices, inputs) };
    }
  }
  await withLoadable([model], async (sources) => {
    const options = { workers: bench.workers, session: bench.session };
    for await (const { batch, outputs: results } of runPool(sources, batches(), options))
      for (const [k, output] of outputs.entries())
        found[k]!.add(
          floatsOf(results[0]![output]!),
          batch.indices.map((index) => data.labels.targets[index]),
        );
  });
  const accuracies = found.map((one) => one.result().accuracy);
  const validationAccuracy = sumOf(accuracies, (accuracy) => accuracy) / accuracies.length;
  return { score: epoch, figures: { validationAccuracy } };
}
