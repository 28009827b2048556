import { joined } from '../group.js';
import type { NamedValues } from '../ir/types.js';
import type { SessionOptions } from '../runtime/protocol.js';
import type { BatchPart } from './batch-part.js';
import type { NewsMethods } from './news.js';
import type { ShardSetup } from './shard.js';

/** A run of parameters that share their settings. */
export interface Segment {
  begin: number;
  end: number;
  /** Factor of the learning rate. */
  rate: number;
  weightDecay: number;
  /** True for running statistics: what the step graph gives is no gradient but their next value. */
  isStatistic: boolean;
}

/** What a replica is set up with. */
export interface ReplicaSetup extends ShardSetup {
  /** Bytes or path of the step graph's model. */
  stepModel: Uint8Array | string;
  session: SessionOptions;
  loss: string;
}

/** What a replica holds between steps: the parameters, and its own part of each of the optimizer's vectors. */
export interface ReplicaState {
  parameters: Float32Array;
  states: Record<string, Float32Array>;
}

/** A copy of vectors in work, for others to keep. */
export function copyState({ parameters, states }: ReplicaState): ReplicaState {
  return {
    parameters: parameters.slice(),
    states: Object.fromEntries(Object.entries(states).map(([name, vector]) => [name, vector.slice()])),
  };
}

/** The vectors of several holders one after the other. */
export function joinStates(all: readonly ReplicaState[]): ReplicaState {
  const names = Object.keys(all[0]!.states);
  return {
    parameters: joined(all.map(({ parameters }) => parameters)),
    states: Object.fromEntries(names.map((name) => [name, joined(all.map(({ states }) => states[name]!))])),
  };
}

/** One batch, or a part of it. */
export interface StepRequest {
  /** Inputs, perhaps filled up to more rows; none where there are no rows for this replica. */
  feeds: NamedValues;
  /** Rows for this replica. */
  rows: number;
  /** Rows of the whole batch, where one process has all of them; others tell each other how many they have. */
  batchRows?: number | undefined;
  /** What there is to know of them where other processes have other rows. */
  part?: BatchPart | undefined;
  learningRate: number;
  /** Updates done, this one included. */
  step: number;
  /** False: gradients are kept; the update takes the mean of those of its batches. */
  update: boolean;
  /** A number that is summed over all replicas. */
  vote: number;
}

/** What a step gave. */
export interface StepResult {
  /** Sum over all replicas' rows. */
  loss: number;
  /** Rows of all replicas. */
  rows: number;
  /** Sum of the replicas' votes. */
  votes: number;
  /** Norm of the gradient before clipping; absent where it is not clipped. */
  gradientNorm?: number | undefined;
  /** Milliseconds that each replica worked on its rows, waiting for others not counted. */
  work: number[];
}

/** Calls that a replica answers. */
export interface ReplicaMethods extends NewsMethods {
  setUp(setup: ReplicaSetup, state: ReplicaState): Promise<void>;
  step(request: StepRequest): Promise<StepResult>;
  /**
   * The parameters (of threads, rank 0 alone) and the optimizer's vectors: whole where replicas are processes, else this
   * replica's part of them.
   */
  snapshot(): Promise<ReplicaState>;
  /** What of the weights that are measured is here: all of them in the first process, none in others. */
  weights(): Promise<Float32Array>;
}
