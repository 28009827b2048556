import { LocalSession } from '../runtime/local-session.js';
import { serve } from '../runtime/serve.js';
import { inTurns } from '../turns.js';
import type { ReplicaMethods, ReplicaSetup, ReplicaState, StepRequest, StepResult } from './replica-protocol.js';
import { ParameterShard } from './shard.js';

/** A copy of the model that computes gradients for its share of each batch. */
class Replica {
  /** Batches since the last update. */
  private batches = 0;

  private constructor(
    private readonly loss: string,
    private readonly shard: ParameterShard,
    private readonly session: LocalSession,
  ) {}

  static async create(setup: ReplicaSetup, state: ReplicaState): Promise<Replica> {
    // With a memory pattern, the second run would hold one block for everything beside what the first one left.
    const session = await LocalSession.create(setup.stepModel, { memoryPattern: false, ...setup.session });
    return new Replica(setup.loss, await ParameterShard.create(setup, state), session);
  }

  async step({ feeds, share, update, vote, ...at }: StepRequest): Promise<StepResult> {
    const start = performance.now();
    const { shard } = this;
    const loss = feeds ? await shard.take(share, () => this.differentiate(feeds)) : 0;
    if (!feeds) await shard.takeNothing();
    this.batches++;
    const [total, votes] = await shard.collective.allReduce([loss, vote]);
    const isUpdated = update && Number.isFinite(total);
    const gradientNorm = isUpdated ? await shard.update(this.batches, at) : undefined;
    if (isUpdated) this.batches = 0;
    return { loss: total!, votes: votes!, gradientNorm, milliseconds: performance.now() - start };
  }

  snapshot(): Promise<ReplicaState> {
    return this.shard.snapshot();
  }

  sum(values: readonly number[]): Promise<number[]> {
    return this.shard.collective.allReduce(values);
  }

  private async differentiate(feeds: NonNullable<StepRequest['feeds']>): Promise<number> {
    const { heldParameters, heldGradients } = this.shard;
    const inputs = { ...LocalSession.hold(feeds), ...heldParameters };
    const result = await this.session.runHeld(inputs, { [this.loss]: null, ...heldGradients });
    return Number(result[this.loss]!.data[0]);
  }
}

let replica: Replica;
const inTurn = inTurns();

serve<ReplicaMethods>({
  setUp: (setup, state) =>
    inTurn(async () => {
      replica = await Replica.create(setup, state);
    }),
  step: (request) => inTurn(() => replica.step(request)),
  snapshot: () => inTurn(() => replica.snapshot()),
  sum: (values) => inTurn(() => replica.sum(values)),
});
