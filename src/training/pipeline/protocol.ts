import type { NamedValues } from '../../ir/types.js';
import type { Members } from '../../parallel/join.js';
import type { MailboxSetup } from '../../parallel/mailbox.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import type { BatchPart } from '../batch-part.js';
import type { NewsMethods } from '../news.js';
import type { ReplicaState, StepResult } from '../replica-protocol.js';
import type { ShardSetup } from '../shard.js';
import type { PipelineStage } from './plan.js';

/** What a stage is set up with. */
export interface StageSetup extends ShardSetup, Pick<PipelineStage, 'takes' | 'gives' | 'upstream'> {
  /** Bytes or path; absent in the last stage. */
  forward: Uint8Array | string | undefined;
  /** Bytes or path; absent where nothing is trained here or before. */
  step: Uint8Array | string | undefined;
  loss: string | undefined;
  /** Outputs of `step` with gradients for earlier stages, by the value that they are of. */
  inputGradients: ReadonlyMap<string, string>;
  /** Its place in the pipeline, 0 for the first. */
  stage: number;
  /** Values that each stage is fed with each micro-batch. */
  fed: readonly (readonly string[])[];
  /** Rows of every micro-batch. */
  rows: number;
  /** The stages of its pipeline, which hand values to each other: threads, or processes. */
  line: MailboxSetup | readonly number[];
  /** All stages of all pipelines, and the place among them. */
  team: Members;
  place: number;
  session: SessionOptions;
}

/** A batch, as the first stage of a pipeline is given it. */
export interface StageRequest {
  /** The rows of its pipeline; nothing in other stages. */
  feeds: NamedValues;
  part?: BatchPart | undefined;
  learningRate: number;
  /** Updates done, this one included. */
  step: number;
  /** False: gradients are kept; the update takes the mean of those of its batches. */
  update: boolean;
  /** A number that is summed over all stages. */
  vote: number;
}

/** Calls that a stage answers. */
export interface StageMethods extends NewsMethods {
  setUp(setup: StageSetup, state: ReplicaState): Promise<void>;
  step(request: StageRequest): Promise<StepResult>;
  /** Of threads what each holds; of processes all, in the first one. */
  weights(): Promise<Float32Array>;
  snapshot(): Promise<ReplicaState>;
}
