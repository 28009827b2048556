import { type NamedValues, pickValues, type TensorValue } from '../../ir/types.js';
import { Mailbox } from '../../parallel/mailbox.js';
import { LocalSession } from '../../runtime/local-session.js';
import { serve } from '../../runtime/serve.js';
import { inTurns } from '../../turns.js';
import type { ReplicaState } from '../replica-protocol.js';
import { ParameterShard } from '../shard.js';
import type { StageMethods, StageRequest, StageSetup } from './protocol.js';
import { oneForwardOneBackward } from './schedule.js';

/** A stage of a pipeline, in a thread of its own. */
class Stage {
  private readonly mailbox: Mailbox;
  /** What it was handed of the micro-batches under way. */
  private readonly taken = new Map<number, NamedValues>();

  private constructor(
    private readonly setup: StageSetup,
    private readonly shard: ParameterShard,
    private readonly forwardSession: LocalSession | undefined,
    private readonly stepSession: LocalSession | undefined,
  ) {
    this.mailbox = new Mailbox(setup.mailbox);
  }

  static async create(setup: StageSetup, state: ReplicaState): Promise<Stage> {
    const load = (model: Uint8Array | string | undefined) =>
      model === undefined ? undefined : LocalSession.create(model, { memoryPattern: false, ...setup.session });
    return new Stage(
      setup,
      await ParameterShard.create(setup, state),
      await load(setup.forward),
      await load(setup.step),
    );
  }

  async differentiate({ feeds }: StageRequest): Promise<number> {
    const { setup, shard } = this;
    let loss = 0;
    for (const { kind, microBatch } of oneForwardOneBackward(feeds.length, setup.after)) {
      const fed = feeds[microBatch]!;
      if (kind === 'forward') await this.forward(microBatch, fed);
      else loss += await this.backward(microBatch, fed);
    }
    if (!feeds.length && this.stepSession) await shard.takeNothing();
    return loss;
  }

  async update(batches: number, at: { learningRate: number; step: number }): Promise<void> {
    if (this.setup.length) await this.shard.update(batches, at);
  }

  snapshot(): Promise<ReplicaState> {
    return this.shard.snapshot();
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
    const results = await forwardSession.run(
      inputsOf({ ...fed, ...taken }, forwardSession),
      [...setup.gives.keys()],
      this.shard.heldParameters,
    );
    for (const to of new Set([...setup.gives.values()].flat()))
      mailbox.send(
        to,
        Object.fromEntries(
          [...setup.gives].flatMap(([name, all]) => (all.includes(to) ? [[name, results[name]]] : [])),
        ),
      );
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
    const results = await shard.take(0, () => stepSession.runHeld(inputs, { ...returned, ...shard.heldGradients }));
    this.sendGradients(results);
    return setup.forward === undefined ? Number(results[setup.loss!]!.data[0]) : 0;
  }

  /** What later stages hand back, summed in their order. */
  private receiveGradients(): NamedValues {
    const { upstream } = this.setup;
    const sums: NamedValues = {};
    for (const from of [...new Set([...upstream.values()].flatMap((one) => one.from))].sort((a, b) => a - b)) {
      const message = this.mailbox.receive(from) as NamedValues;
      for (const [value, gradient] of Object.entries(message)) {
        const { input } = upstream.get(value)!;
        sums[input] = sums[input] ? sumOf(sums[input], gradient) : gradient;
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

function sumOf(a: TensorValue, b: TensorValue): TensorValue {
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
  differentiate: (request) => inTurn(() => stage.differentiate(request)),
  update: (batches, at) => inTurn(() => stage.update(batches, at)),
  snapshot: () => inTurn(() => stage.snapshot()),
});
