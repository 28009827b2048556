import { sumOf } from '../group.js';
import type { Collective } from '../parallel/collective.js';
import { areProcesses, joinGroup, joinNews } from '../parallel/join.js';
import type { Mailbox } from '../parallel/mailbox.js';
import { arraysOf, giveBack } from '../runtime/give-back.js';
import { LocalSession } from '../runtime/local-session.js';
import { serve, withArrays } from '../runtime/serve.js';
import { inTurns } from '../turns.js';
import { fitBatch } from './batch-part.js';
import { hearNews, tellNews } from './news.js';
import {
  copyState,
  type ReplicaMethods,
  type ReplicaSetup,
  type ReplicaState,
  type StepRequest,
  type StepResult,
} from './replica-protocol.js';
import { ParameterShard } from './shard.js';

/** A copy of the model that computes gradients for its share of each batch. */
class Replica {
  /** Batches since the last update. */
  private batches = 0;

  private constructor(
    private readonly setup: ReplicaSetup,
    private readonly group: Collective,
    private readonly news: Mailbox | undefined,
    private readonly shard: ParameterShard,
    private readonly session: LocalSession,
  ) {}

  static async create(setup: ReplicaSetup, state: ReplicaState): Promise<Replica> {
    const { group: members, rank } = setup;
    const group = await joinGroup(members, rank);
    const news = members && areProcesses(members) ? await joinNews(members) : undefined;
    // With a memory pattern, the second run would hold one block for everything beside what the first one left.
    const session = await LocalSession.create(setup.stepModel, { memoryPattern: false, ...setup.session });
    return new Replica(setup, group, news, await ParameterShard.create(setup, state, group), session);
  }

  async step({ feeds, rows, batchRows, part, update, vote, ...at }: StepRequest): Promise<StepResult> {
    const { shard, group } = this;
    const batch = batchRows
      ? { feeds, rows: batchRows, share: rows / batchRows }
      : await fitBatch(group, feeds, rows, part);
    const start = performance.now();
    let loss = 0;
    if (rows) loss = await shard.take(batch.share, () => this.differentiate(batch.feeds));
    else if (batch.rows) await shard.takeNothing();
    const work = performance.now() - start;
    if (batch.rows) this.batches++;
    const isDue = update && this.batches > 0;
    const own = [loss, vote, work];
    const all = isDue ? await shard.sum(this.batches, own) : await group.exchange(own);
    const [total, votes] = [0, 1].map((k) => sumOf(all, (one) => one[k]!)) as [number, number];
    const gradientNorm = isDue && Number.isFinite(total) ? await shard.update(at) : undefined;
    if (isDue) this.batches = 0;
    return { loss: total, rows: batch.rows, votes, gradientNorm, work: all.map(([, , own]) => own!) };
  }

  async snapshot(): Promise<ReplicaState> {
    const state = copyState(await this.shard.snapshot());
    return withArrays(state, [state.parameters, ...Object.values(state.states)]);
  }

  async weights(): Promise<Float32Array> {
    const weights = await this.shard.weights();
    const own = this.news && this.setup.rank ? new Float32Array(0) : weights.slice();
    return withArrays(own, [own]);
  }

  async tell(news: Parameters<ReplicaMethods['tell']>[0]): Promise<void> {
    tellNews(this.news!, this.group.size - 1, news);
  }

  async hear(): Promise<unknown> {
    return hearNews(this.news!);
  }

  private async differentiate(feeds: StepRequest['feeds']): Promise<number> {
    const { heldParameters, heldGradients } = this.shard;
    const { loss } = this.setup;
    const inputs = { ...LocalSession.hold(feeds), ...heldParameters };
    const result = await this.session.runHeld(inputs, { [loss]: null, ...heldGradients });
    giveBack(arraysOf(feeds));
    return Number(result[loss]!.data[0]);
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
  weights: () => inTurn(() => replica.weights()),
  tell: (news) => inTurn(() => replica.tell(news)),
  hear: () => inTurn(() => replica.hear()),
});
