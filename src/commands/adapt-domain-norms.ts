import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { LINEAR } from '../passes/cleanup/linear.js';
import { normalForm } from '../training/prepare.js';
import {
  type ReestimatedNorm,
  type ReestimatedNorms,
  reestimateNorms,
  withOwnStatistics,
} from '../training/reestimate-norms.js';
import { foldNorms, restoreBatchNorms } from '../training/restore-batch-norms.js';
import { withWeights } from '../training/weights.js';
import type { DomainSamples } from './adapt-domain-data.js';
import type { CommandContext } from './context.js';
import type { Workbench } from './workbench.js';

/** A model each of whose normalizations is a node, and the way to the file that it came from. */
export interface OpenNorms {
  model: Model;
  /** Constants that hold means of normalizations that were folded. */
  folded: ReadonlySet<string>;
  assemble(weights: ReadonlyMap<string, Tensor>): Model;
}

/** Statistics of normalizations that fit another domain. */
export interface DomainStatistics extends Pick<ReestimatedNorms, 'weights'> {
  /** Share of the new domain in them. */
  share: number;
  /** In the order of the graph. */
  norms: (ReestimatedNorm & { kind: 'batch-norm' | 'folded' })[];
}

/**
 * Makes a node of each batch normalization that was folded into another layer, with the statistics of some samples.
 * @param samples absent: folded normalizations stay as they are.
 */
export async function openNorms(
  bench: Workbench,
  samples: DomainSamples | undefined,
  context: CommandContext,
): Promise<OpenNorms> {
  const own = withOwnStatistics(bench.model);
  const restored = samples
    ? await restoreBatchNorms(own, notLast(own), counted(samples, `running ${samples.path}`, context), bench)
    : { model: own, norms: [] };
  return {
    model: restored.model,
    folded: new Set(restored.norms.map(({ mean }) => mean)),
    assemble: (weights) => withWeights(own, foldNorms(restored, weights)),
  };
}

/** Batches of fewer samples have no statistics of their own. */
const SMALL = 8;
/** Samples that are run for one normalization after the other. */
const MOST_ONE_BY_ONE = 512;

/**
 * Estimates statistics of batch normalizations anew on samples of another domain.
 * @param prior samples that the statistics of the old domain count for.
 */
export async function estimateStatistics(
  { model, folded }: OpenNorms,
  target: DomainSamples,
  { bench, prior }: { bench: Workbench; prior: number },
  context: CommandContext,
): Promise<DomainStatistics> {
  const oneByOne = (target.data.fixedBatch ?? SMALL) < SMALL;
  const indices = oneByOne ? target.indices.slice(0, MOST_ONE_BY_ONE) : target.indices;
  const share = indices.length / (indices.length + prior);
  const { workers, session } = bench;
  const batches = () => counted({ ...target, indices }, `running ${target.path}`, context);
  const { norms, weights } = await reestimateNorms(model, batches, { share, oneByOne, workers, session });
  const kindOf = ({ mean }: ReestimatedNorm) => (folded.has(mean) ? 'folded' : 'batch-norm');
  return { weights, share, norms: norms.map((norm) => ({ ...norm, kind: kindOf(norm) })) };
}

async function* counted({ data, indices }: DomainSamples, label: string, { progress }: CommandContext) {
  const task = progress.start(label, indices.length);
  for await (const batch of data.stream(indices)) {
    yield batch;
    task.advance(batch.indices.length);
  }
  task.done();
}

/** Leaves out layers from which no other one is on the way to the scores: their statistics are those of the classes. */
function notLast({ graph }: Model): (layer: { output: string }) => boolean {
  const { consumers, outputs } = graph.index();
  const known = new Map<string, boolean>();
  const isLast = (value: string): boolean => {
    const found = known.get(value) ?? (outputs.has(value) || users(value).some(isLast));
    known.set(value, found);
    return found;
  };
  const users = (value: string) =>
    (consumers.get(value) ?? []).flatMap((node) => (mixesChannels(node) ? [] : node.outputs));
  return ({ output }) => !isLast(output);
}

/** True for nodes that make channels of others. */
const mixesChannels = ({ type }: Node) => type in LINEAR || /^(LSTM|GRU|RNN|.*Attention)$/.test(type);

/** Normalizations that take no statistics from other samples. */
const OF_ONE_SAMPLE = /^(.*\.)?(Skip)?(Simplified)?(Layer|RMS|Instance|Group)(Norm|Normalization)$/;

/** What normalizes in a model. */
export interface NormKinds {
  /** True where there are batch normalizations. */
  batch: boolean;
  /** An operator that normalizes each sample by itself. */
  single: string | undefined;
}

/** Looks for what normalizes, in one operator or in parts. @throws UserError where a model is quantized */
export async function normKinds({ path, model }: Pick<Workbench, 'path' | 'model'>): Promise<NormKinds> {
  const typesOf = ({ graph }: Model) => [...new Set(graph.nodes.map(({ type }) => type))];
  const types = typesOf(model);
  if (types.some((type) => /^(.*\.)?(QLinear\w+|DequantizeLinear|\w+Integer\w*)$/.test(type)))
    throw new UserError('is quantized: what its layers give cannot be shifted and scaled', {
      file: path,
      mend: 'adapt the float model that it was made from, and quantize the result',
    });
  return {
    batch: types.includes('BatchNormalization'),
    single: typesOf(await normalForm(model)).find((type) => OF_ONE_SAMPLE.test(type)),
  };
}
