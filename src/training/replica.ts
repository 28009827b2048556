import { alone, type Bounds, type Collective, evenBounds } from '../parallel/collective.js';
import { MpiCollective } from '../parallel/mpi.js';
import { SharedMemoryCollective } from '../parallel/shared-memory.js';
import { type HeldValues, LocalSession } from '../runtime/local-session.js';
import { serve } from '../runtime/serve.js';
import { EMA, updateScalars } from './optimizers.js';
import { slice } from './parameters.js';
import type { ReplicaMethods, ReplicaSetup, ReplicaState, StepRequest, StepResult } from './replica-protocol.js';

/** Elements that are updated at once: their vectors stay in a core's cache between the operators of the update. */
const CHUNK = 1 << 17;

/**
 * A copy of the model that computes gradients for its share of each batch, and owns a part of the optimizer's work
 * (Rajbhandari et al., "ZeRO", 2020, stage 1): gradients are summed where they are owned, the owner updates its part of
 * the parameters, and every replica gets all parts.
 */
class Replica {
  private readonly collective: Collective;
  private readonly bounds: Bounds;
  private readonly gradients: Float32Array;
  /** Sums of the gradients of the batches before, where several make one update, and how many those are. */
  private accumulated: Float32Array | undefined;
  private batches = 0;
  private readonly heldParameters: HeldValues;
  private readonly heldGradients: HeldValues;

  private constructor(
    private readonly setup: ReplicaSetup,
    private readonly state: ReplicaState,
    private readonly stepSession: LocalSession,
    private readonly updateSession: LocalSession,
  ) {
    const { group, rank, length, slots } = setup;
    this.collective = group === 'mpi' ? new MpiCollective() : group ? new SharedMemoryCollective(group, rank) : alone;
    this.bounds = evenBounds(length, this.collective.size);
    this.gradients = new Float32Array(length);
    const held = (vector: Float32Array, key: 'name' | 'gradient') =>
      LocalSession.hold(
        Object.fromEntries(
          slots.map((slot) => [slot[key], { type: 'float32', dims: slot.dims, data: slice(vector, slot) }]),
        ),
      );
    this.heldParameters = held(state.parameters, 'name');
    this.heldGradients = held(this.gradients, 'gradient');
  }

  static async create(setup: ReplicaSetup, state: ReplicaState): Promise<Replica> {
    // With a memory pattern, the second run would hold one block for everything beside what the first one left.
    const step = await LocalSession.create(setup.stepModel, { memoryPattern: false, ...setup.session });
    // Memory is what an update waits for: a second thread gains little, and much is lost where others use its core.
    const update = await LocalSession.create(setup.updateModel, { threads: 1 });
    return new Replica(setup, state, step, update);
  }

  async step({ feeds, share, update, vote, ...at }: StepRequest): Promise<StepResult> {
    const start = performance.now();
    const loss = feeds ? await this.differentiate(feeds) : this.noRows();
    this.moveStatistics(share);
    this.accumulate(update);
    const [total, votes] = await this.collective.allReduce([loss, vote]);
    const gradientNorm = update && Number.isFinite(total) ? await this.update(at) : undefined;
    return { loss: total!, votes: votes!, gradientNorm, milliseconds: performance.now() - start };
  }

  async snapshot(): Promise<ReplicaState> {
    const { parameters, states } = this.state;
    if (this.setup.group === 'mpi') return { parameters, states: await this.gathered(states) };
    return { parameters: this.setup.rank ? new Float32Array(0) : parameters, states };
  }

  sum(values: readonly number[]): Promise<number[]> {
    return this.collective.allReduce(values);
  }

  /** Vectors of which every process has a part, whole. */
  private async gathered(parts: ReplicaState['states']): Promise<ReplicaState['states']> {
    const whole: ReplicaState['states'] = {};
    for (const [name, part] of Object.entries(parts)) {
      whole[name] = new Float32Array(this.setup.length);
      whole[name].set(part, this.bounds[this.collective.rank]!);
      await this.collective.allGather(whole[name], this.bounds);
    }
    return whole;
  }

  private async differentiate(feeds: NonNullable<StepRequest['feeds']>): Promise<number> {
    const { loss } = this.setup;
    const inputs = { ...LocalSession.hold(feeds), ...this.heldParameters };
    const result = await this.stepSession.runHeld(inputs, { [loss]: null, ...this.heldGradients });
    return Number(result[loss]!.data[0]);
  }

  private noRows(): number {
    this.gradients.fill(0);
    return 0;
  }

  /** Turns the next values of running statistics into how far they fall, so that replicas' moves add up to their mean. */
  private moveStatistics(share: number): void {
    const { parameters } = this.state;
    for (const { begin, end, isStatistic } of this.setup.segments)
      for (let k = begin; isStatistic && k < end; k++)
        this.gradients[k] = share && share * (parameters[k]! - this.gradients[k]!);
  }

  /** Adds up the gradients of several batches; before an update, the mean of all of them is in `gradients`. */
  private accumulate(last: boolean): void {
    const { gradients, accumulated } = this;
    this.batches++;
    if (!accumulated) this.accumulated = last ? undefined : gradients.slice();
    else {
      const [into, other] = last ? [gradients, accumulated] : [accumulated, gradients];
      for (let k = 0; k < into.length; k++) into[k]! += other[k]!;
    }
    if (!last) return;
    this.divide(this.batches);
    this.accumulated = undefined;
    this.batches = 0;
  }

  /** Divides the gradients; the moves of running statistics follow one upon the other. */
  private divide(batches: number): void {
    for (const { begin, end, isStatistic } of this.setup.segments)
      for (let k = begin; batches > 1 && !isStatistic && k < end; k++) this.gradients[k]! /= batches;
  }

  private async update(at: { learningRate: number; step: number }): Promise<number | undefined> {
    const { collective, bounds, gradients, state } = this;
    const { optimizer } = this.setup;
    await collective.reduceScatter(gradients, bounds);
    const norm = optimizer.maxGradientNorm ? await this.gradientNorm() : undefined;
    const gradientScale = norm === undefined ? 1 : Math.min(1, optimizer.maxGradientNorm / (norm + 1e-6));
    for (const segment of this.setup.segments) {
      const begin = Math.max(segment.begin, bounds[collective.rank]!);
      const end = Math.min(segment.end, bounds[collective.rank + 1]!);
      if (segment.isStatistic) {
        this.setStatistics(begin, end);
        continue;
      }
      const rates = { step: at.step, learningRate: at.learningRate * segment.rate, gradientScale };
      const scalars = holdScalars(updateScalars(optimizer, rates, segment.weightDecay));
      for (let from = begin; from < end; from += CHUNK)
        await this.updateChunk(from, Math.min(from + CHUNK, end), scalars);
    }
    await collective.allGather(state.parameters, bounds);
    return norm;
  }

  private setStatistics(begin: number, end: number): void {
    const { gradients, bounds, collective } = this;
    const { parameters, states } = this.state;
    for (let k = begin; k < end; k++) parameters[k]! -= gradients[k]!;
    const first = bounds[collective.rank]!;
    if (begin < end) states[EMA]?.set(parameters.subarray(begin, end), begin - first);
  }

  private async gradientNorm(): Promise<number> {
    const { collective, bounds, gradients } = this;
    let squares = 0;
    for (const { begin, end, isStatistic } of this.setup.segments) {
      const last = Math.min(end, bounds[collective.rank + 1]!);
      for (let k = Math.max(begin, bounds[collective.rank]!); !isStatistic && k < last; k++)
        squares += gradients[k]! ** 2;
    }
    const [total] = await collective.allReduce([squares]);
    return Math.sqrt(total!);
  }

  private async updateChunk(from: number, to: number, scalars: HeldValues): Promise<void> {
    const { state, gradients, bounds, collective } = this;
    const first = bounds[collective.rank]!;
    const changing = LocalSession.hold({
      parameters: vectorOf(state.parameters.subarray(from, to)),
      ...Object.fromEntries(
        Object.entries(state.states).map(([name, own]) => [name, vectorOf(own.subarray(from - first, to - first))]),
      ),
    });
    const fixed = LocalSession.hold({ gradients: vectorOf(gradients.subarray(from, to)) });
    const into = Object.fromEntries(Object.entries(changing).map(([name, value]) => [`new/${name}`, value]));
    await this.updateSession.runHeld({ ...changing, ...fixed, ...scalars }, into);
  }
}

const vectorOf = (data: Float32Array) => ({ type: 'float32' as const, dims: [data.length], data });

function holdScalars(scalars: Record<string, number>): HeldValues {
  const entries = Object.entries(scalars);
  return LocalSession.hold(
    Object.fromEntries(entries.map(([name, x]) => [name, { type: 'float32', dims: [], data: Float32Array.of(x) }])),
  );
}

let replica: Promise<Replica> | undefined;
/** Calls are done one after the other, though they arrive while others are under way. */
let turn: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: (replica: Replica) => T | Promise<T>): Promise<T> {
  const result = turn.then(async () => work(await replica!));
  turn = result.catch(() => {});
  return result;
}

serve<ReplicaMethods>({
  async setUp(setup, state) {
    replica = Replica.create(setup, state);
    await replica;
  },
  step: (request) => inTurn((own) => own.step(request)),
  snapshot: () => inTurn((own) => own.snapshot()),
  sum: (values) => inTurn((own) => own.sum(values)),
});
