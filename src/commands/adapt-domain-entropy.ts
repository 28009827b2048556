import { trainingBatches } from '../data/training-batches.js';
import { UserError } from '../errors.js';
import type { OutputKind } from '../evaluate/loss.js';
import { describePredictions, hasCollapsed, type UnlabelledFigures } from '../evaluate/unlabelled.js';
import type { Model } from '../ir/model.js';
import type { Tensor } from '../ir/tensor.js';
import { withLoadable } from '../runtime/source.js';
import { normParameters } from '../training/norm-parameters.js';
import { minimizingEntropy, ROW_WEIGHTS } from '../training/objectives.js';
import { freezeParameters, prepareForTraining, type TrainableModel } from '../training/prepare.js';
import type { DomainSamples } from './adapt-domain-data.js';
import type { AdaptOptions } from './adapt-options.js';
import type { CommandContext } from './context.js';
import { batchSizeOf } from './finetune-plan.js';
import { trainingShape } from './option-shapes.js';
import { exact } from './option-values.js';
import { parseOptions } from './parse-options.js';
import { firstOf } from './training-data.js';
import { runTraining, type TrainedModel } from './training-run.js';
import { planSteps } from './training-steps.js';
import { deriveWorkbench, type Workbench } from './workbench.js';

/** What is trained on samples of the new domain. */
export interface EntropySite {
  bench: Workbench;
  target: DomainSamples;
  kind: OutputKind;
  /** The model whose normalizations are trained, each as a node. */
  model: Model;
  /** The model as it is written, with some weights. */
  assemble(weights: ReadonlyMap<string, Tensor>): Model;
  /** Where checkpoints go. */
  checkpoint: string;
}

/** A model whose predictions are surer, and how that went. */
export interface SurerModel extends TrainedModel {
  /** Epochs after which predictions were much less diverse than before. */
  collapsed: number[];
}

/** Share of the samples that tell which epoch is kept, and most of them. */
const HELD_OUT = { share: 0.2, most: 1024 };

/** Times that samples are gone through, and the learning rate: higher than elsewhere, as updates are few and scales robust. */
const EPOCHS = 3;
const RATE = 3e-3;

/** Weight of the diversity of predictions, as in the information that they hold. */
const DIVERSITY = 1;

/**
 * Trains scale and shift of a model's normalizations so that its predictions become sure and stay diverse. On samples that
 * are held out it is watched whether they do: the epoch is kept after which they tell the most (entropy of the mean prediction
 * less mean entropy), and none whose predictions are much less diverse than before.
 * @throws UserError where there is no normalization, or too few samples
 */
export async function minimizeEntropy(
  site: EntropySite,
  options: AdaptOptions,
  context: CommandContext,
): Promise<SurerModel> {
  const { bench, target, model, assemble } = site;
  const { data } = target;
  const held = target.indices.slice(0, Math.min(HELD_OUT.most, Math.ceil(HELD_OUT.share * target.indices.length)));
  const indices = target.indices.slice(held.length);
  const batchSize = Math.min(batchSizeOf(data, options), indices.length);
  if (data.fixedBatch !== undefined && batchSize < data.fixedBatch)
    throw new UserError(`has ${indices.length} samples to learn from, fewer than the ${data.fixedBatch} of a batch`, {
      file: target.path,
      mend: 'give more',
    });
  const trainable = await trainableNorms(bench, model);
  const settings = parseOptions(exact(trainingShape), {
    ...{ train: target.path, epochs: options.epochs ?? EPOCHS, lr: options.lr ?? RATE, batch: batchSize },
    ...{ batchNorm: 'frozen', resume: options.resume },
  });
  const training = { ...settings, seed: options.seed, workers: options.workers };
  const batches = batchesOf(target, indices, batchSize, options.seed);
  const steps = await planSteps(
    {
      ...{ bench, looksInside: false, trainable, batchSize, fixedBatch: data.fixedBatch },
      objective: minimizingEntropy({
        ...{ output: data.output, kind: data.kind, probabilities: site.kind === 'probabilities' },
        diversity: DIVERSITY,
      }),
      output: data.output,
      typical: await firstOf(batches(1, 0)),
    },
    training,
    context,
  );
  const trained = await runTraining(
    {
      ...{ bench: await deriveWorkbench(bench, model, options), steps, batchSize, batches, assemble },
      training: { data, indices, validation: { data, indices: held }, note: undefined },
      judge: watching(site, held),
      checkpoint: site.checkpoint,
      label: 'minimizing entropy',
    },
    training,
    context,
  );
  const [start, ...epochs] = trained.history.map(({ epoch, diversity = Number.NaN }) => ({ epoch, diversity }));
  return { ...trained, collapsed: epochs.filter((one) => hasCollapsed(start!, one)).map(({ epoch }) => epoch) };
}

async function trainableNorms({ path }: Workbench, model: Model): Promise<TrainableModel> {
  const all = await prepareForTraining(model);
  const names = normParameters(all);
  if (names.size) return freezeParameters(all, ({ name }) => !names.has(name));
  throw new UserError('has no normalization whose scale and shift could be trained', {
    file: path,
    mend: 'see nncompress inspect',
  });
}

function batchesOf({ data }: DomainSamples, indices: readonly number[], batchSize: number, seed: number) {
  return async function* (epoch: number, skip: number) {
    const options = { batchSize, seed, epoch, skipBatches: skip };
    for await (const batch of trainingBatches(data, indices, options)) {
      const rows = batch.indices.length;
      const weights = new Float32Array(rows).fill(1 / rows);
      yield { feeds: { ...batch.feeds, [ROW_WEIGHTS]: { type: 'float32' as const, dims: [rows], data: weights } } };
    }
  };
}

/** Looks at predictions on held-out samples after each epoch. */
function watching({ bench, target: { data }, kind, assemble }: EntropySite, held: readonly number[]) {
  let start: UnlabelledFigures | undefined;
  const look = async (model: Model) => {
    const { figures } = await withLoadable([model], (sources) =>
      describePredictions(sources, { data, indices: held, kind, workers: bench.workers, session: bench.session }),
    );
    return figures[0]!;
  };
  return async (model: Model, epoch: number) => {
    const found = await look(model);
    // A run that goes on has seen the first epoch before.
    start ??= epoch ? await look(assemble(new Map())) : found;
    const { entropy, diversity } = found;
    const score = hasCollapsed(start, found) ? Number.NEGATIVE_INFINITY : diversity - entropy;
    return { score, figures: { entropy, diversity } };
  };
}
