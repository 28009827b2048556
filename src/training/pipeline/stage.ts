import { sumOf } from '../../group.js';
import { type NamedValues, pickValues, type TensorValue } from '../../ir/types.js';
import type { Collective } from '../../parallel/collective.js';
import { areProcesses, joinGroup, joinLine, joinNews } from '../../parallel/join.js';
import type { Mailbox } from '../../parallel/mailbox.js';
import { arraysOf, giveBack } from '../../runtime/give-back.js';
import { LocalSession } from '../../runtime/local-session.js';
import { batchSize, rowsOf } from '../../runtime/pool.js';
import { serve, withArrays } from '../../runtime/serve.js';
import { inTurns } from '../../turns.js';
import { fitBatch } from '../batch-part.js';
import { hearNews, tellNews } from '../news.js';
import { fillBatch } from '../objectives.js';
import { copyState, joinStates, type ReplicaState, type StepResult } from '../replica-protocol.js';
import { ParameterShard } from '../shard.js';
import type { StageMethods, StageRequest, StageSetup } from './protocol.js';
import { oneForwardOneBackward } from './schedule.js';

/** A stage of a pipeline, in a thread of its own. */
class Stage {
  /** Batches since the last update. */
  private batches = 0;
  /** Milliseconds that its sessions ran for the batch in work. */
  private work = 0;
  /** What it was handed of the micro-batches under way. */
  private readonly taken = new Map<number, NamedValues>();

  private constructor(
    private readonly setup: StageSetup,
    private readonly team: Collective,
    private readonly mailbox: Mailbox,
    private readonly news: Mailbox | undefined,
    private readonly shard: ParameterShard,
    private readonly forwardSession: LocalSession | undefined,
    private readonly stepSession: LocalSession | undefined,
  ) {}

  static async create(setup: StageSetup, state: ReplicaState): Promise<Stage> {
    const load = (model: Uint8Array | string | undefined) =>
      model === undefined ? undefined : LocalSession.create(model, { memoryPattern: false, ...setup.session });
    const { group: members, rank, team: all, place, line } = setup;
    const [group, team, mailbox] = [await joinGroup(members, rank), await joinGroup(all, place), await joinLine(line)];
    const news = areProcesses(all) ? await joinNews(all) : undefined;
    const shard = await ParameterShard.create(setup, state, group, team);
    return new Stage(setup, team, mailbox, news, shard, await load(setup.forward), await load(setup.step));
  }

  async step({ feeds, part, update, vote, ...at }: StageRequest): Promise<StepResult> {
    const { team, shard } = this;
    this.work = 0;
    const batch = await fitBatch(team, feeds, batchSize(feeds), part);
    const loss = batch.rows ? await this.differentiate(this.handOut(batch.feeds)) : 0;
    if (batch.rows) this.batches++;
    const all = await team.exchange([loss, vote, this.work]);
    const [total, votes] = [0, 1].map((k) => sumOf(all, (own) => own[k]!)) as [number, number];
    const isUpdated = update && this.batches > 0 && Number.isFinite(total);
    if (isUpdated) await shard.sum(this.batches);
    const gradientNorm = isUpdated ? await shard.update(at) : undefined;
    if (isUpdated) this.batches = 0;
    return { loss: total, rows: batch.rows, votes, gradientNorm, work: all.map(([, , own]) => own!) };
  }

  /** Cuts a batch into micro-batches, in the first stage, and gives every stage what it is fed of each. */
  private handOut(feeds: NamedValues): NamedValues[] {
    const { stage, fed, rows } = this.setup;
    if (stage) return this.mailbox.receive(0) as NamedValues[];
    const count = batchSize(feeds);
    const parts = Array.from({ length: Math.ceil(count / rows) }, (_, k) =>
      fillBatch(rowsOf(feeds, k * rows, Math.min(count, (k + 1) * rows)), rows),
    );
    const own = (place: number) => parts.map((micro) => pickValues(micro, fed[place]!));
    for (let to = 1; to < fed.length; to++) this.mailbox.send(to, own(to));
    return own(0);
  }

  private async differentiate(feeds: readonly NamedValues[]): Promise<number> {
    const { setup, shard } = this;
    let loss = 0;
    for (const { kind, microBatch } of oneForwardOneBackward(feeds.length, setup.fed.length - 1 - setup.stage)) {
      const fed = feeds[microBatch]!;
      if (kind === 'forward') await this.forward(microBatch, fed);
      else loss += await this.backward(microBatch, fed);
    }
    if (!feeds.length && this.stepSession) await shard.takeNothing();
    return loss;
  }

  async snapshot(): Promise<ReplicaState> {
    const state = this.inFirst(await this.shard.snapshot());
    return withArrays(state, [state.parameters, ...Object.values(state.states)]);
  }

  async weights(): Promise<Float32Array> {
    const { parameters } = this.inFirst({ parameters: await this.shard.weights(), states: {} });
    return withArrays(parameters, [parameters]);
  }

  async tell(news: Parameters<StageMethods['tell']>[0]): Promise<void> {
    tellNews(this.news!, this.team.size - 1, news);
  }

  async hear(): Promise<unknown> {
    return hearNews(this.news!);
  }

  /** Brings what processes have together in the first of them, as a copy; threads copy what each has. */
  private inFirst(own: ReplicaState): ReplicaState {
    const { mailbox, setup } = this;
    if (!this.news) return copyState(own);
    const nothing = { parameters: new Float32Array(0), states: {} };
    if (setup.rank) return nothing;
    if (setup.stage) {
      mailbox.send(0, own);
      mailbox.settle();
      return nothing;
    }
    return joinStates([own, ...setup.fed.slice(1).map((_, k) => mailbox.receive(k + 1) as ReplicaState)]);
  }

  /** Values that a stage was handed by earlier ones. */
  private receive(): NamedValues {
    const values: NamedValues = {};
    for (const from of new Set(this.setup.takes.values())) Object.assign(values, this.mailbox.receive(from));
    return values;
  }

  private async forward(microBatch: number, fed: NamedValues): Promise<void> {
    const { setup, mailbox, forwardSession } = this;
    if (!forwardSession) return; // the last stage has its forward pass in the graph of its backward pass
    const taken = this.receive();
    this.taken.set(microBatch, taken);
    const inputs = inputsOf({ ...fed, ...taken }, forwardSession);
    const results = await this.timed(() =>
      forwardSession.run(inputs, [...setup.gives.keys()], this.shard.heldParameters),
    );
    for (const to of new Set([...setup.gives.values()].flat()))
      mailbox.send(
        to,
        Object.fromEntries(
          [...setup.gives].flatMap(([name, all]) => (all.includes(to) ? [[name, results[name]]] : [])),
        ),
      );
    giveBack(arraysOf(results));
  }

  private async backward(microBatch: number, fed: NamedValues): Promise<number> {
    const { setup, shard, stepSession } = this;
    const taken = setup.forward === undefined ? this.receive() : this.taken.get(microBatch)!;
    this.taken.delete(microBatch);
    const gradients = this.receiveGradients();
    if (!stepSession) return 0;
    const inputs = {
      ...LocalSession.hold(inputsOf({ ...fed, ...taken, ...gradients }, stepSession)),
      ...shard.heldParameters,
    };
    const returned = Object.fromEntries([setup.loss!, ...setup.inputGradients.values()].map((name) => [name, null]));
    const results = await this.timed(() =>
      shard.take(0, () => stepSession.runHeld(inputs, { ...returned, ...shard.heldGradients })),
    );
    this.sendGradients(results);
    const loss = setup.forward === undefined ? Number(results[setup.loss!]!.data[0]) : 0;
    giveBack(arraysOf({ ...taken, ...gradients, ...results }));
    return loss;
  }

  private async timed<T>(run: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await run();
    this.work += performance.now() - start;
    return result;
  }

  /** What later stages hand back, summed in their order. */
  private receiveGradients(): NamedValues {
    const { upstream } = this.setup;
    const sums: NamedValues = {};
    for (const from of [...new Set([...upstream.values()].flatMap((one) => one.from))].sort((a, b) => a - b)) {
      const message = this.mailbox.receive(from) as NamedValues;
      for (const [value, gradient] of Object.entries(message)) {
        const { input } = upstream.get(value)!;
        sums[input] = sums[input] ? added(sums[input], gradient) : gradient;
      }
    }
    return sums;
  }

  private sendGradients(results: NamedValues): void {
    const { takes, inputGradients } = this.setup;
    for (const to of new Set([...inputGradients.keys()].map((value) => takes.get(value)!))) {
      const own = [...inputGradients].filter(([value]) => takes.get(value) === to);
      this.mailbox.send(to, Object.fromEntries(own.map(([value, output]) => [value, results[output]])));
    }
  }
}

/** The values that a session takes. */
const inputsOf = (values: NamedValues, { info }: LocalSession): NamedValues =>
  pickValues(
    values,
    info.inputs.map(({ name }) => name),
  );

function added(a: TensorValue, b: TensorValue): TensorValue {
  const [data, more] = [(a.data as Float32Array).slice(), b.data as Float32Array];
  for (let k = 0; k < data.length; k++) data[k]! += more[k]!;
  return { ...a, data };
}

let stage: Stage;
const inTurn = inTurns();

serve<StageMethods>({
  setUp: (setup, state) =>
    inTurn(async () => {
      stage = await Stage.create(setup, state);
    }),
  step: (request) => inTurn(() => stage.step(request)),
  weights: () => inTurn(() => stage.weights()),
  snapshot: () => inTurn(() => stage.snapshot()),
  tell: (news) => inTurn(() => stage.tell(news)),
  hear: () => inTurn(() => stage.hear()),
});
