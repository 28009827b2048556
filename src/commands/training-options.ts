import type { Launcher } from '../parallel/world.js';
import type { Optimizer } from '../training/optimizers.js';
import type { Schedule, ScheduleName } from '../training/schedules.js';
import type { BATCH_NORMS } from './choices.js';

/** Options of commands that train, besides the data. */
export interface TrainingOptions {
  epochs: number;
  accumulate: number;
  optimizer: Optimizer['name'];
  lr: number;
  schedule: ScheduleName;
  warmup: number;
  weightDecay: number;
  momentum: number;
  nesterov: boolean;
  clipNorm: number;
  ema: number;
  labelSmoothing: number;
  classWeights: 'none' | 'balanced';
  augment: string;
  batchNorm: (typeof BATCH_NORMS)[number];
  checkpointing: boolean;
  keepZeros: boolean;
  patience?: number | undefined;
  resume: boolean;
  checkpointEvery: number;
  workers?: number | undefined;
  launcher: Launcher;
  pipeline?: number | undefined;
  microBatches?: number | undefined;
  seed: number;
}

/** The optimizer that options describe; Adam's own settings are those of its paper. */
export function optimizerOf(options: TrainingOptions): Optimizer {
  return {
    name: options.optimizer,
    momentum: options.momentum,
    nesterov: options.nesterov,
    betas: [0.9, 0.999],
    epsilon: 1e-8,
    weightDecay: options.weightDecay,
    maxGradientNorm: options.clipNorm,
    emaDecay: options.ema,
  };
}

/** The schedule that options describe. */
export function scheduleOf({ schedule, warmup }: TrainingOptions, totalSteps: number): Schedule {
  return { name: schedule, warmupSteps: Math.round(warmup * totalSteps), totalSteps };
}

/** The options that decide what a run gives, to tell whether it may go on; how work is shared out is not among them. */
export function trainingSettings(options: Omit<TrainingOptions, 'resume' | 'checkpointEvery'>): unknown[] {
  const { epochs, accumulate, lr, schedule, warmup, labelSmoothing, classWeights, augment, patience, seed } = options;
  const { batchNorm, checkpointing, keepZeros } = options;
  const optimizer = optimizerOf({ ...options, resume: false, checkpointEvery: 0 });
  const course = [epochs, accumulate, lr, schedule, warmup, patience, seed, batchNorm, checkpointing, keepZeros];
  return [optimizer, course, labelSmoothing, classWeights, augment];
}
