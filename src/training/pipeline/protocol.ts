import type { NamedValues } from '../../ir/types.js';
import type { MailboxSetup } from '../../parallel/mailbox.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import type { ReplicaState } from '../replica-protocol.js';
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
  /** Stages that come after this one. */
  after: number;
  mailbox: MailboxSetup;
  session: SessionOptions;
}

/** A batch as one stage sees it. */
export interface StageRequest {
  /** What is fed with each micro-batch. */
  feeds: readonly NamedValues[];
}

/** Calls that a stage answers. */
export interface StageMethods {
  setUp(setup: StageSetup, state: ReplicaState): Promise<void>;
  /** Takes the gradients of a batch. @returns the loss, in the last stage */
  differentiate(request: StageRequest): Promise<number>;
  /** Updates the weights with the mean of the gradients of batches. */
  update(batches: number, at: { learningRate: number; step: number }): Promise<void>;
  snapshot(): Promise<ReplicaState>;
}
