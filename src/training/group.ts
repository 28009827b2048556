import type { NamedValues } from '../ir/types.js';
import type { BatchPart } from './batch-part.js';
import type { Layout } from './parameters.js';
import type { StepResult } from './replica-protocol.js';

/** The parameters and the optimizer's vectors, whole. */
export interface TrainingState {
  /** Where each parameter lies in all of them. */
  layout: Layout;
  parameters: Float32Array;
  states: Record<string, Float32Array>;
}

/** A batch, or this process's part of one. */
export interface TrainingBatch {
  feeds: NamedValues;
  /** Present where other processes have other rows of the batch. */
  part?: BatchPart | undefined;
}

/** One step's settings. */
export interface StepSettings {
  learningRate: number;
  /** Updates done, this one included. */
  step: number;
  /** False: gradients are kept; the update takes the mean of those of its batches. */
  update: boolean;
  /** A number that is summed over the processes. */
  vote?: number;
}

/** What trains a model together: copies of it, or its stages. */
export interface TrainingGroup {
  /** Where each parameter lies in the vectors. */
  readonly layout: Layout;
  /** True in the process that speaks for all. */
  readonly isRoot: boolean;
  readonly isOneProcess: boolean;
  /**
   * Runs one batch. Calls may be made ahead of time: they are done in order.
   * @param feeds the rows of the batch that this process has; none at all where it has none.
   * @param part present where other processes have others.
   */
  step(feeds: NamedValues, settings: StepSettings, part?: BatchPart): Promise<StepResult>;
  /** What the model is worth measuring with: the parameters, or their moving average. Empty where it does not speak for all. */
  weights(): Promise<Float32Array>;
  /** The parameters and the optimizer's vectors after the steps called so far, in the process that speaks for all. */
  snapshot(): Promise<TrainingState>;
  /** Gives every process what the one that speaks for all has found; others find nothing. */
  fromRoot<T>(find: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
