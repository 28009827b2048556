import type { NamedValues } from '../ir/types.js';
import type { Layout } from './parameters.js';
import type { StepResult } from './replica-protocol.js';

/** The parameters and the optimizer's vectors, whole. */
export interface TrainingState {
  parameters: Float32Array;
  states: Record<string, Float32Array>;
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
  /** Runs one batch. Calls may be made ahead of time: they are done in order. */
  step(feeds: NamedValues, settings: StepSettings): Promise<StepResult>;
  /** The parameters and the optimizer's vectors after the steps called so far. */
  snapshot(): Promise<TrainingState>;
  /** Gives every process what the one that speaks for all has found; others find nothing. */
  fromRoot<T>(find: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
