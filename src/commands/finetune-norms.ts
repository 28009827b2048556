import { epochOrder } from '../data/training-batches.js';
import type { Model } from '../ir/model.js';
import type { Tensor } from '../ir/tensor.js';
import type { FoldedLayer } from '../training/folded-layers.js';
import type { Parameter } from '../training/parameters.js';
import { freezeParameters, prepareForTraining, type TrainableModel } from '../training/prepare.js';
import { foldNorms, restoreBatchNorms } from '../training/restore-batch-norms.js';
import { withWeights } from '../training/weights.js';
import type { CommandContext } from './context.js';
import type { TrainingData } from './training-data.js';
import type { Workbench } from './workbench.js';

/** Where batch normalizations are put back. */
interface Restoring {
  bench: Workbench;
  training: TrainingData;
  /** The model as it came, prepared for training. */
  all: TrainableModel;
  isFrozen(parameter: Parameter): boolean;
  batchSize: number;
  seed: number;
}

/** A model with its batch normalizations back, and the way to the file that it came from. */
export interface RestoredTraining {
  trainable: TrainableModel;
  assemble(weights: ReadonlyMap<string, Tensor>): Model;
}

/** Samples that statistics are measured on. */
const MEASURED = 1024;

/** Puts folded batch normalizations back in layers that are trained; undefined where there are none. */
export async function restoreNorms(
  { bench, training, all, isFrozen, batchSize, seed }: Restoring,
  context: CommandContext,
): Promise<RestoredTraining | undefined> {
  const known = new Map(all.parameters.map((parameter) => [parameter.name, parameter]));
  const trained = new Set(all.parameters.filter((one) => !isFrozen(one)).map(({ name }) => name));
  const { data, indices } = training;
  const batches = Math.ceil(Math.min(MEASURED, indices.length - batchSize + 1) / batchSize);
  const chosen = epochOrder(indices, seed, 1).slice(0, batches * batchSize);
  const stream = data.stream(chosen, batchSize);
  const takes = ({ node, weight }: FoldedLayer) => node.type === 'Conv' && trained.has(weight);
  const restored = await restoreBatchNorms(bench.model, takes, stream, bench);
  const { norms, model } = restored;
  if (!norms.length) {
    context.note('no batch normalization to put back: no trained convolution with a bias is followed by an activation');
    return undefined;
  }
  context.note(`${norms.length} batch normalizations are put back for training, and folded again afterwards`);
  const prepared = await prepareForTraining(model);
  // What normalizes a layer belongs to it; a bias in front of a batch normalization has no effect.
  const owners = new Map(norms.flatMap(({ scale, shift, weight }) => [scale, shift].map((name) => [name, weight])));
  const biases = new Set(norms.map(({ bias }) => bias));
  const ownerOf = (name: string) => owners.get(name) ?? name;
  const parameters = prepared.parameters.map((one) => ({ ...one, depth: known.get(ownerOf(one.name))?.depth ?? 0 }));
  return {
    trainable: freezeParameters(
      { ...prepared, parameters },
      ({ name }) => biases.has(name) || !trained.has(ownerOf(name)),
    ),
    assemble: (weights) => withWeights(bench.model, foldNorms(restored, weights)),
  };
}
