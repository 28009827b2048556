import { UserError } from '../errors.js';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import type { TrainingBatch, TrainingGroup, TrainingState } from './group.js';
import { rearranged } from './parameters.js';
import type { StepResult } from './replica-protocol.js';
import { learningRateFactor, type Schedule } from './schedules.js';

/** What a model is worth on validation data. */
export interface Validation {
  /** The larger the better; decides which epoch is kept. */
  score: number;
  /** Further figures for the learning curve. */
  figures: Record<string, number>;
}

/** One line of the learning curve. Epoch 0 is the model as it came. */
export interface EpochRecord extends Record<string, number> {
  epoch: number;
}

/** How a model is trained. */
export interface TrainerOptions {
  epochs: number;
  stepsPerEpoch: number;
  learningRate: number;
  schedule: Schedule;
  /** Batches whose gradients make one update. */
  accumulate: number;
  /** Epochs without a better score after which training ends; never where absent. */
  patience?: number | undefined;
  /** The batches of an epoch, counted from 1, without the first few; the same each time. */
  batches(epoch: number, skip: number): AsyncIterable<TrainingBatch>;
  /** What a vector of parameters is worth after an epoch. */
  validate(parameters: Float32Array, epoch: number): Promise<Validation>;
  checkpoint?: CheckpointOptions | undefined;
  onStep?: ((rows: number) => void) | undefined;
  onEpoch?: ((record: EpochRecord) => void) | undefined;
}

/** Where a run is saved and from where it goes on. */
export interface CheckpointOptions {
  path: string;
  /** What must be the same for a run to go on. */
  fingerprint: string;
  /** Milliseconds between checkpoints. */
  interval: number;
  /** What was decided before the run began, as JSON, for a run that goes on. */
  decisions?: unknown;
}

/** What training gave. */
export interface TrainingResult {
  /** The parameters of the best epoch. */
  parameters: Float32Array;
  bestEpoch: number;
  history: EpochRecord[];
  /** Rows that gradients were taken of. */
  samples: number;
  /** Seconds of training, validation not counted. */
  seconds: number;
  /** Mean milliseconds that each worker took for its part of a batch, waiting not counted; none where few batches tell. */
  work: number[];
  /** Why training ended before its time. */
  stopped?: string | undefined;
}

/** Where a run stands, beside its vectors. */
interface Progress {
  epoch: number;
  /** Batches of the epoch that are done. */
  batch: number;
  /** Updates done. */
  step: number;
  samples: number;
  seconds: number;
  lossSum: number;
  rows: number;
  bestEpoch: number;
  bestScore: number;
  history: EpochRecord[];
}

/** Vectors of a checkpoint beside the optimizer's. */
const [PARAMETERS, BEST] = ['parameters', 'best'] as const;

/** The state that a checkpoint holds, to set replicas up with. */
export interface ResumedRun {
  state: TrainingState;
  progress: unknown;
  best: Float32Array;
}

/** Reads where an interrupted run stood. @throws UserError where the checkpoint is broken or of another run */
export async function resumeRun({ path, fingerprint }: CheckpointOptions): Promise<ResumedRun> {
  const { progress, vectors, layout } = await readCheckpoint(path, fingerprint);
  const { [PARAMETERS]: parameters, [BEST]: best, ...states } = vectors;
  return { state: { layout: layout!, parameters: parameters!, states }, progress, best: best! };
}

/**
 * Trains replicas: epochs of batches with the schedule's learning rate, validation after each, the best epoch kept (the
 * model as it came among them), checkpoints in between.
 * @throws Divergence where the loss is no longer a number
 */
export async function train(
  replicas: TrainingGroup,
  options: TrainerOptions,
  resumed?: ResumedRun,
): Promise<TrainingResult> {
  const run = new Run(replicas, options);
  if (resumed) run.resume(resumed);
  else await run.begin();
  return run.toEnd();
}

/** Steps that are sent ahead of the one in work, so that replicas never wait for batches. */
const AHEAD = 2;

/** Batches in which sessions still take their memory, and those after them that tell how long workers take. */
const [WARMING, TELLING] = [2, 20];

/** Elements that are handed from process to process at once. */
const PIECE = 1 << 22;

class Run {
  private progress: Progress = {
    ...{ epoch: 1, batch: 0, step: 0, samples: 0, seconds: 0, lossSum: 0, rows: 0 },
    ...{ bestEpoch: 0, bestScore: Number.NEGATIVE_INFINITY, history: [] },
  };
  private best = new Float32Array(0);
  private savedAt = performance.now();
  private divergence: string | undefined;
  /** Milliseconds that each worker has worked, and the batches that were. */
  private readonly work: { milliseconds: number[]; batches: number } = { milliseconds: [], batches: 0 };
  /** True where one of several processes found it time for a checkpoint: all make it at the same update. */
  private isAgreed = false;

  constructor(
    private readonly replicas: TrainingGroup,
    private readonly options: TrainerOptions,
  ) {}

  /** Validates the model as it came. */
  async begin(): Promise<void> {
    await this.validate(0, {});
  }

  resume({ progress, best, state }: ResumedRun): void {
    this.progress = progress as Progress;
    this.best = rearranged(best, state.layout, this.replicas.layout) as Float32Array<ArrayBuffer>;
  }

  async toEnd(): Promise<TrainingResult> {
    const { progress } = this;
    while (!this.stopped && progress.epoch <= this.options.epochs) await this.epoch();
    const { bestEpoch, history, samples, seconds } = progress;
    const parameters = await this.shareBest();
    const timed = this.work.batches - WARMING;
    const work = timed < TELLING ? [] : this.work.milliseconds.map((sum) => sum / timed);
    return { parameters, bestEpoch, history, samples, seconds, work, stopped: this.stopped };
  }

  /** Gives every process the weights of the best epoch, a piece after the other. */
  private async shareBest(): Promise<Float32Array> {
    if (this.replicas.isOneProcess) return this.best;
    const whole = this.replicas.isRoot ? this.best : new Float32Array(this.replicas.layout.length);
    for (let begin = 0; begin < whole.length; begin += PIECE)
      whole.set(await this.replicas.fromRoot(async () => whole.slice(begin, begin + PIECE)), begin);
    return whole;
  }

  /** Why no further epoch is begun. */
  private get stopped(): string | undefined {
    if (this.divergence) return this.divergence;
    const { epoch, bestEpoch } = this.progress;
    const { patience } = this.options;
    if (patience === undefined || epoch - 1 - bestEpoch < patience) return undefined;
    return `no better score for ${patience} epochs`;
  }

  private async epoch(): Promise<void> {
    const { progress, options } = this;
    const { epoch } = progress;
    const underWay: Promise<StepResult>[] = [];
    let startedAt = performance.now();
    let sent = progress.batch;
    const settle = async () => this.record(await underWay.shift()!);
    for await (const { feeds, part } of options.batches(epoch, progress.batch)) {
      sent++;
      const update = sent % options.accumulate === 0 || sent === options.stepsPerEpoch;
      if (update) progress.step++;
      const step = progress.step + Number(!update);
      const factor = learningRateFactor(options.schedule, step - 1);
      const vote = Number(!this.replicas.isOneProcess && this.isTimeForCheckpoint());
      const settings = { learningRate: options.learningRate * factor, step, update, vote };
      const result = this.replicas.step(feeds, settings, part);
      result.catch(() => {}); // it may fail before its turn to be awaited comes
      underWay.push(result);
      if (underWay.length > AHEAD) await settle();
      if (this.divergence) break;
      if (update && (this.isAgreed || (this.replicas.isOneProcess && this.isTimeForCheckpoint()))) {
        while (underWay.length) await settle();
        if (this.divergence) break;
        progress.seconds += (performance.now() - startedAt) / 1e3;
        await this.save();
        startedAt = performance.now();
      }
    }
    while (underWay.length) await settle();
    progress.seconds += (performance.now() - startedAt) / 1e3;
    if (!this.divergence) await this.endEpoch();
  }

  private record({ loss, rows, votes, work }: StepResult): void {
    const { progress } = this;
    this.isAgreed ||= votes > 0;
    if (!Number.isFinite(loss)) this.divergence ??= divergenceOf(progress);
    if (this.divergence) return;
    progress.batch++;
    progress.samples += rows;
    progress.rows += rows;
    progress.lossSum += loss * rows;
    if (this.work.batches++ >= WARMING) this.time(work);
    this.options.onStep?.(rows);
  }

  private time(work: readonly number[]): void {
    const { milliseconds } = this.work;
    for (const [worker, own] of work.entries()) milliseconds[worker] = (milliseconds[worker] ?? 0) + own;
  }

  private async endEpoch(): Promise<void> {
    const { progress } = this;
    if (!progress.rows)
      throw new UserError(`no sample of epoch ${progress.epoch} can be read`, { mend: 'repair the training data' });
    await this.validate(progress.epoch, { loss: progress.lossSum / progress.rows });
    Object.assign(progress, { epoch: progress.epoch + 1, batch: 0, lossSum: 0, rows: 0 });
    if (this.options.checkpoint) await this.save();
  }

  private async validate(epoch: number, figures: Record<string, number>): Promise<void> {
    const { progress, options } = this;
    const weights = await this.replicas.weights();
    // Numbers that JSON can hold, as checkpoints are JSON; a model that came with no score at all is beaten by any.
    const { score, figures: found } = await this.replicas.fromRoot(async () =>
      finite(await options.validate(weights, epoch)),
    );
    const record = { epoch, ...figures, ...found };
    if (score > progress.bestScore || !progress.history.length) {
      Object.assign(progress, { bestEpoch: epoch, bestScore: score });
      this.best = weights as Float32Array<ArrayBuffer>;
    }
    progress.history.push(record);
    options.onEpoch?.(record);
  }

  private isTimeForCheckpoint(): boolean {
    const { checkpoint } = this.options;
    return checkpoint !== undefined && performance.now() - this.savedAt >= checkpoint.interval;
  }

  private async save(): Promise<void> {
    const { path, fingerprint, decisions } = this.options.checkpoint!;
    const { layout, parameters, states } = await this.replicas.snapshot();
    const vectors: Checkpoint['vectors'] = { [PARAMETERS]: parameters, [BEST]: this.best, ...states };
    const { progress } = this;
    await this.replicas.fromRoot(() => writeCheckpoint(path, { fingerprint, progress, vectors, decisions, layout }));
    this.savedAt = performance.now();
    this.isAgreed = false;
  }
}

/** The loss is no longer a number, and there is no epoch to fall back to. */
export class Divergence extends UserError {}

/** @throws Divergence where there is no epoch to fall back to */
function divergenceOf({ epoch, batch, bestEpoch }: Progress): string {
  const what = `the loss was no longer a number at epoch ${epoch}, batch ${batch + 1}`;
  if (bestEpoch)
    return `${what}; the weights of epoch ${bestEpoch} are kept: try a lower --lr, --warmup or --clip-norm 1`;
  throw new Divergence(`${what}, and no epoch before was better than the model as it came`, {
    mend: 'lower --lr, add --warmup or --clip-norm 1',
  });
}

function finite({ score, figures }: Validation): Validation {
  return { score: Number.isFinite(score) ? score : -Number.MAX_VALUE, figures };
}
