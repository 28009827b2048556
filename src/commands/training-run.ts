import { createHash, type Hash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { addFeeds, digestOf } from '../data/digest.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { evaluateModels } from '../evaluate/evaluate-models.js';
import type { Model } from '../ir/model.js';
import type { Tensor } from '../ir/tensor.js';
import { encodeModel } from '../onnx/write.js';
import type { Report } from '../report/schema.js';
import { withLoadable } from '../runtime/source.js';
import type { TrainingGroup } from '../training/group.js';
import type { Parameter } from '../training/parameters.js';
import { stragglers } from '../training/stragglers.js';
import { type EpochRecord, resumeRun, type TrainingResult, train, type Validation } from '../training/trainer.js';
import { tensorsOf, withWeights } from '../training/weights.js';
import type { CommandContext } from './context.js';
import type { EpochBatches, TrainingData } from './training-data.js';
import { scheduleOf, type TrainingOptions, trainingSettings } from './training-options.js';
import type { TrainingSteps } from './training-steps.js';
import type { Workbench } from './workbench.js';

/** What is trained, on what. */
export interface TrainingRun {
  /** The model whose weights are trained. */
  bench: Workbench;
  /** How each batch is worked on. */
  steps: TrainingSteps;
  training: TrainingData;
  batchSize: number;
  batches: EpochBatches;
  /** The model with trained weights; those of the bench's model under their names where absent. */
  assemble?: ((weights: ReadonlyMap<string, Tensor>) => Model) | undefined;
  rateOf?: (parameter: Parameter) => number;
  /** Where checkpoints go; none where absent. */
  checkpoint?: string | undefined;
  /** What checkpoints tell of the decisions before the run, as JSON. */
  decisions?: unknown;
  /** What a model is worth after an epoch; absent: its accuracy on validation data. */
  judge?: ((model: Model, epoch: number) => Promise<Validation>) | undefined;
  /** After which epochs it is measured: each by default. */
  measured?: 'each' | 'last';
  /** The last checkpoint stays when training ends, because other work follows that may be interrupted. */
  keepCheckpoint?: boolean;
  label: string;
}

/** A model that was trained, and how that went. */
export interface TrainedModel extends TrainingResult {
  model: Model;
  /** The trained parameters, by name. */
  weights: ReadonlyMap<string, Tensor>;
  workers: number;
  /** Stages of each pipeline, where workers are those; 1 where they are copies. */
  stages: number;
}

/** Where the checkpoints of a run that writes a file go. @param part one of several trainings of the run */
export const checkpointOf = (output: string, part?: string): string =>
  part === undefined ? `${output}.checkpoint` : `${output}.${part}.checkpoint`;

/** @throws UserError where an interrupted run would be lost, or there is none to go on from */
export function checkCheckpoints(
  paths: readonly string[],
  { resume, force }: { resume: boolean; force: boolean },
): void {
  const left = paths.find((path) => existsSync(path));
  if (resume && left === undefined)
    throw new UserError('does not exist', {
      file: paths[0]!,
      mend: 'name the output of an interrupted run with -o, or start without --resume',
    });
  if (resume || force || left === undefined) return;
  throw new UserError('is left from an interrupted run', {
    file: left,
    mend: 'go on from it with --resume, or start anew with --force',
  });
}

/** Trains a model, with progress, checkpoints and a learning curve on the way. */
export async function runTraining(
  run: TrainingRun,
  options: TrainingOptions,
  context: CommandContext,
): Promise<TrainedModel> {
  const { training, steps, batchSize, assemble = (weights) => withWeights(run.bench.model, weights) } = run;
  const stepsPerEpoch = Math.ceil(training.indices.length / batchSize);
  const checkpoint =
    run.checkpoint === undefined
      ? undefined
      : {
          path: run.checkpoint,
          fingerprint: await fingerprintOf(run, options),
          interval: 1000 * options.checkpointEvery,
          decisions: run.decisions,
        };
  const resumed = checkpoint && options.resume ? await resumeRun(checkpoint) : undefined;
  const group = await steps.start({
    session: run.bench.session,
    rateOf: run.rateOf ?? (() => 1),
    state: resumed?.state,
  });
  // A model is cut into stages because it is large: it is held once where it is measured, too.
  const workers = steps.stages > 1 ? 1 : run.bench.workers;
  const progress = epochProgress(context, run.label, training.indices.length, options.epochs);
  try {
    if (checkpoint) await checkAlike(group, checkpoint.fingerprint, context);
    const result = await train(
      group,
      {
        epochs: options.epochs,
        stepsPerEpoch,
        learningRate: options.lr,
        schedule: scheduleOf(options, Math.ceil(stepsPerEpoch / options.accumulate) * options.epochs),
        accumulate: options.accumulate,
        patience: options.patience,
        batches: run.batches,
        validate: (vector, epoch) =>
          validate(run, workers, assemble(tensorsOf(group.layout, vector)), epoch, options.epochs),
        checkpoint,
        ...progress,
      },
      resumed,
    );
    if (run.checkpoint && !run.keepCheckpoint && group.isRoot) rmSync(run.checkpoint, { force: true });
    const weights = tensorsOf(group.layout, result.parameters);
    return { ...result, model: assemble(weights), weights, workers: steps.workers, stages: steps.stages };
  } finally {
    await group.close();
  }
}

/** @throws UserError in a process that has other files or options than the first one */
async function checkAlike(group: TrainingGroup, fingerprint: string, { world }: CommandContext): Promise<void> {
  if (group.isOneProcess || (await group.fromRoot(async () => fingerprint)) === fingerprint) return;
  throw new UserError(`process ${world.rank} finds another model or other data than process 0, or has other options`, {
    file: '--launcher mpi',
    mend: 'give every machine the same files under the same paths, or a file system that they share',
  });
}

/** Loss and accuracy on validation data; the score is the accuracy, and the loss where it is equal. */
async function validate(
  { bench, measured, training, judge }: TrainingRun,
  workers: number,
  model: Model,
  epoch: number,
  epochs: number,
): Promise<Validation> {
  // A score below that of any epoch that is measured, and above that of the epoch before.
  if (measured === 'last' && epoch < epochs) return { score: epoch - epochs, figures: {} };
  if (judge) return judge(model, epoch);
  const { data, indices, accuracyOf } = training.validation;
  const evaluation = await withLoadable([model], (sources) =>
    evaluateModels(sources, data, { indices, workers, session: bench.session }),
  );
  const { accuracy: plain, loss = 0 } = evaluation.classifications![0]!.result();
  const accuracy = accuracyOf?.(evaluation) ?? plain;
  return { score: accuracy - 1e-9 * loss, figures: { validationLoss: loss, validationAccuracy: accuracy } };
}

/** Hash of everything that a run's result depends on, but for how its work is shared out: others may go on with it. */
async function fingerprintOf(run: TrainingRun, options: TrainingOptions): Promise<string> {
  const { training, bench, batchSize, steps, rateOf } = run;
  const { data, indices, validation, teacher } = training;
  const { resume, checkpointEvery, ...settings } = options;
  const hash = createHash('sha256');
  hash.update(encodeModel(bench.model));
  hash.update(digestOf(data.dataset, indices));
  hash.update(digestOf(validation.data.dataset, validation.indices));
  await hashSamples(hash, data, indices);
  await hashSamples(hash, validation.data, validation.indices);
  const trained = steps.parameters.map((parameter) => [parameter.name, rateOf?.(parameter) ?? 1] as const);
  trained.sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(JSON.stringify([batchSize, trained, trainingSettings(settings)]));
  if (teacher) hash.update(JSON.stringify(teacher)); // functions are left out
  return hash.digest('hex');
}

/** Samples of which a hash knows the contents. */
const HASHED = 32;

/** Adds some samples from all over the data, as the model takes them: they tell other contents and preprocessing. */
async function hashSamples(hash: Hash, data: TaskData, indices: readonly number[]): Promise<void> {
  const step = Math.ceil(indices.length / HASHED);
  for await (const { feeds } of data.stream(indices.filter((_, place) => place % step === 0))) addFeeds(hash, feeds);
}

/** Shows how training goes on, and what each epoch gave. */
export function epochProgress(context: CommandContext, label: string, samples: number, epochs: number) {
  let task = context.progress.start(`${label}, epoch 1 of ${epochs}`, samples);
  return {
    onStep: (rows: number) => task.advance(rows),
    onEpoch: ({ epoch, ...figures }: EpochRecord) => {
      task.done();
      const found = describe(figures);
      if (found) context.note(`${label}, epoch ${epoch}: ${found}`);
      if (epoch < epochs) task = context.progress.start(`${label}, epoch ${epoch + 1} of ${epochs}`, samples);
    },
  };
}

function describe(figures: Record<string, number>): string {
  const { loss, validationLoss, validationAccuracy, macs, entropy, diversity } = figures;
  const parts = [
    loss !== undefined && `loss ${loss.toFixed(4)}`,
    validationLoss !== undefined && `validation loss ${validationLoss.toFixed(4)}`,
    validationAccuracy !== undefined && `accuracy ${(100 * validationAccuracy).toFixed(2)} %`,
    macs !== undefined && `${(100 * macs).toFixed(1)} % of the cost`,
    entropy !== undefined && `entropy ${(100 * entropy).toFixed(2)} %`,
    diversity !== undefined && `diversity ${(100 * diversity).toFixed(2)} %`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** Accuracy of the epoch that is kept; undefined where it was not measured. */
export const bestAccuracy = ({ history, bestEpoch }: TrainedModel): number | undefined =>
  history.find(({ epoch }) => epoch === bestEpoch)?.validationAccuracy;

/** Training's part of the report. */
export function trainingReport({
  samples,
  seconds,
  workers,
  bestEpoch,
  history,
}: Pick<TrainedModel, 'samples' | 'seconds' | 'workers' | 'bestEpoch' | 'history'>): Report['training'] {
  return {
    samples,
    epochs: history.length - 1,
    seconds,
    samplesPerSecond: samples / Math.max(seconds, 1e-9),
    workers,
    bestEpoch,
    history,
  };
}

/** What a user should know of a run. */
export function trainingWarnings(trained: TrainedModel, test: TaskData | undefined): string[] {
  const { bestEpoch, stopped, work, stages } = trained;
  const warnings = stopped === undefined ? [] : [`training ended early: ${stopped}`];
  warnings.push(...stragglers(work, stages));
  if (bestEpoch === 0) warnings.push('training did not help: the weights are those that the model came with');
  if (!test) warnings.push('quality was not checked on test data: none was given (--data)');
  return warnings;
}
