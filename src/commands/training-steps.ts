import type { BatchShare } from '../data/training-batches.js';
import { UserError } from '../errors.js';
import { sumOf } from '../group.js';
import type { NamedValues } from '../ir/types.js';
import type { World } from '../parallel/world.js';
import { formatBytes } from '../report/format.js';
import { resizeBatch } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import type { TrainingGroup, TrainingState } from '../training/group.js';
import { peakActivationBytes } from '../training/memory.js';
import { optimizerStates } from '../training/optimizers.js';
import type { Parameter } from '../training/parameters.js';
import { TrainingPipeline } from '../training/pipeline/pipeline.js';
import { type PipelinePlan, planPipeline } from '../training/pipeline/plan.js';
import { bubbleShare, microBatchesOf } from '../training/pipeline/schedule.js';
import type { TrainableModel } from '../training/prepare.js';
import { bestReplicas, Replicas } from '../training/replicas.js';
import { buildStepGraph, hasBatchNorms, type Objective, type StepGraph } from '../training/step-graph.js';
import type { CommandContext } from './context.js';
import { optimizerOf, type TrainingOptions } from './training-options.js';
import type { Workbench } from './workbench.js';

/** How each batch is worked on. */
export interface TrainingSteps {
  /** The parameters that change. */
  parameters: readonly Parameter[];
  /** Copies of the model that share each batch. */
  workers: number;
  /** Stages of each of them that are trained apart. */
  stages: number;
  /** Which rows of each batch this process needs; all where there is no other. */
  share: BatchShare | undefined;
  /** What the user should know of memory and of how the work is shared out, in lines. */
  notes: readonly string[];
  /** Starts those who train together. */
  start(options: {
    session: SessionOptions;
    rateOf(parameter: Parameter): number;
    state: TrainingState | undefined;
  }): Promise<TrainingGroup>;
}

/** What is trained for what. */
export interface StepsSite {
  bench: Workbench;
  trainable: TrainableModel;
  objective: Objective;
  /** The output that the objective looks at. */
  output: string;
  /** True where it looks at inner values, too. */
  looksInside: boolean;
  /** A batch as it is fed. */
  typical: NamedValues;
  batchSize: number;
  /** Samples that the model insists on. */
  fixedBatch: number | undefined;
}

/** Decides how batches are worked on: by copies of the model or, where it is cut into stages, by pipelines. */
export function planSteps(site: StepsSite, options: TrainingOptions, context: CommandContext): Promise<TrainingSteps> {
  return options.pipeline === undefined
    ? copiesOf(site, options, context)
    : stagesOf(site, options, options.pipeline, context);
}

async function copiesOf(site: StepsSite, options: TrainingOptions, context: CommandContext): Promise<TrainingSteps> {
  const { bench, trainable, objective, typical, batchSize, fixedBatch } = site;
  const batchStatistics = options.batchNorm !== 'frozen' && hasBatchNorms(trainable);
  const isWhole = batchStatistics || fixedBatch !== undefined;
  const workers = copiesAsked(options, context) ?? bestReplicas(trainable.parameters, isWhole);
  const graph = await buildStepGraph(trainable, {
    objective,
    batchStatistics,
    typical,
    rows: fixedBatch ?? Math.ceil(batchSize / workers),
    checkpointing: options.checkpointing,
    keepZeros: options.keepZeros,
    provider: bench.provider,
  });
  const unused = options.checkpointing && !graph.sizes;
  return {
    parameters: graph.parameters,
    workers,
    stages: 1,
    share: shareOf(context.world, 1),
    notes: [
      `about ${formatBytes(await memoryOf(graph, typical, { ...options, workers, validating: bench.workers }))} of memory`,
      ...(unused ? ['--checkpointing is not used: it would save no memory here'] : []),
    ],
    start: ({ session, rateOf, state }) =>
      Replicas.create(graph, {
        ...{ session, rateOf, state, replicas: workers },
        optimizer: optimizerOf(options),
        world: context.world,
      }),
  };
}

/** The rows that a process needs of a batch: its copy's, and none where it has not the first stage of one. */
function shareOf({ rank, size }: World, stages: number): BatchShare | undefined {
  return size === 1 ? undefined : { part: rank % stages ? undefined : rank / stages, parts: size / stages };
}

/** @throws UserError where both copies and processes are asked for */
function copiesAsked({ workers, launcher }: TrainingOptions, { world }: CommandContext): number | undefined {
  if (launcher === 'local') return workers;
  if (workers === undefined) return world.size;
  throw new UserError('has no place where mpirun starts the copies, one in each process', {
    file: '--workers',
    mend: 'leave it out, and ask mpirun for as many with -n',
  });
}

async function stagesOf(
  site: StepsSite,
  options: TrainingOptions,
  stages: number,
  context: CommandContext,
): Promise<TrainingSteps> {
  checkPipeline(site, options);
  const { bench, trainable, objective, output, typical, batchSize } = site;
  const copies = pipelinesAsked(options, stages, context) ?? 1;
  const share = Math.ceil(batchSize / copies);
  const rows = Math.ceil(share / Math.min(share, options.microBatches ?? microBatchesOf(share, stages)));
  const plan = await planPipeline(trainable, {
    ...{ stages, objective, output, rows },
    typical: resizeBatch(typical, rows),
    keepZeros: options.keepZeros,
    provider: bench.provider,
  });
  const microBatches = Math.ceil(share / rows);
  return {
    parameters: plan.stages.flatMap(({ step }) => step?.parameters ?? []),
    workers: copies,
    stages,
    share: shareOf(context.world, stages),
    notes: [
      `${stages} stages in ${copies === 1 ? 'a pipeline' : `${copies} pipelines`}, ${microBatches} micro-batches of ${rows}; ` +
        `stages wait ${Math.round(100 * bubbleShare(stages, microBatches))} % of their time for others`,
      ...(await stageTexts(plan, resizeBatch(typical, rows), options)),
    ],
    start: ({ session, rateOf, state }) =>
      TrainingPipeline.create(plan, {
        ...{ session, rateOf, state, copies, optimizer: optimizerOf(options) },
        world: context.world,
      }),
  };
}

/** @throws UserError where processes are not as many as the stages of some pipelines */
function pipelinesAsked(options: TrainingOptions, stages: number, context: CommandContext): number | undefined {
  const asked = copiesAsked(options, context);
  if (options.launcher === 'local') return asked;
  const { size } = context.world;
  if (size % stages === 0) return size / stages;
  throw new UserError(`has ${stages} stages, one in each process, and mpirun started ${size}`, {
    file: '--pipeline',
    mend: `ask mpirun for ${stages} processes with -n, or for a multiple of ${stages}`,
  });
}

function checkPipeline({ trainable, fixedBatch, bench, looksInside }: StepsSite, options: TrainingOptions): void {
  const refuse = (what: string, mend: string) => new UserError(what, { file: '--pipeline', mend });
  if (options.checkpointing) throw refuse('computes forward passes again anyway', 'leave out --checkpointing');
  if (looksInside) throw refuse('hides the inner values that are matched in other stages', 'leave out the matching');
  if (fixedBatch !== undefined)
    throw refuse(`cuts batches, and the model takes ${fixedBatch} samples at a time`, 'export it with an open batch');
  if (options.batchNorm !== 'frozen' && hasBatchNorms(trainable))
    throw new UserError('has batch normalizations, whose statistics no micro-batch has', {
      file: bench.path,
      mend: 'add --batch-norm frozen, or train without --pipeline',
    });
}

async function stageTexts(plan: PipelinePlan, typical: NamedValues, options: TrainingOptions): Promise<string[]> {
  const total = sumOf(plan.stages, ({ macs }) => macs);
  const states = optimizerStates(optimizerOf(options)).length;
  return Promise.all(
    plan.stages.map(async ({ step, macs }, k) => {
      const parameters = sumOf(step?.parameters ?? [], ({ tensor }) => tensor.size);
      const activations = step ? await peakActivationBytes(step.model, typical, step.sizes) : 0;
      const memory = SESSION + 4 * parameters * (3 + states) + activations;
      return (
        `stage ${k + 1}: ${parameters.toLocaleString('en')} parameters, ` +
        `${Math.round((100 * macs) / Math.max(1, total))} % of the work, about ${formatBytes(memory)} of memory`
      );
    }),
  );
}

/** Bytes that a session takes beside its values: code, scratch memory of kernels, what lies between values. */
const SESSION = 5e7;

/**
 * Bytes that this process holds now, and those that training adds: each worker holds the parameters, their gradients (also
 * of batches before, where they are accumulated) and the activations of its rows, and hands gradients to the others; the
 * optimizer's vectors are shared out, and the best weights are kept beside those in work. Validation copies the
 * weights out of the workers, into a model and to where it is loaded from, and holds them for each of its sessions as they
 * come and laid out for the kernels.
 */
async function memoryOf(
  { parameters, model, sizes }: StepGraph,
  typical: NamedValues,
  options: TrainingOptions & { workers: number; validating: number },
): Promise<number> {
  const { workers, validating, accumulate } = options;
  const bytes = sumOf(parameters, ({ tensor }) => tensor.byteLength);
  const states = optimizerStates(optimizerOf(options)).length;
  const vectors = workers * (accumulate > 1 ? 3 : 2) + (workers - 1) + states + 2;
  const training = vectors * bytes + workers * (SESSION + (await peakActivationBytes(model, typical, sizes)));
  return process.memoryUsage.rss() + training + 3 * bytes + validating * (SESSION + 2 * bytes);
}
