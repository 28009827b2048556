import { allReduce, type Bounds, type Collective, evenBounds } from '../parallel/collective.js';
import { areProcesses, type Members } from '../parallel/join.js';
import { type HeldValues, LocalSession } from '../runtime/local-session.js';
import { EMA, type Optimizer, updateScalars } from './optimizers.js';
import { type Slot, slice } from './parameters.js';
import type { ReplicaState, Segment } from './replica-protocol.js';

/** Elements that are updated at once: their vectors stay in a core's cache between the operators of the update. */
const CHUNK = 1 << 17;

/** What a holder of parameters is set up with. */
export interface ShardSetup {
  /** Place among those who hold the same parameters. */
  rank: number;
  /** Who holds the same parameters; absent: nobody else. */
  group?: Members | undefined;
  updateModel: Uint8Array;
  /** Each parameter: its place in the vector, and the output that holds its gradient. */
  slots: readonly (Slot & { gradient: string })[];
  length: number;
  segments: readonly Segment[];
  optimizer: Optimizer;
}

/**
 * Parameters with their gradients, of which it owns a part of the optimizer's work (Rajbhandari et al., "ZeRO", 2020,
 * stage 1): gradients are summed where they are owned, the owner updates its part of the parameters, and every member of the
 * group gets all parts.
 */
export class ParameterShard {
  /** What a session takes of the parameters, and writes gradients into. */
  readonly heldParameters: HeldValues;
  readonly heldGradients: HeldValues;
  private readonly bounds: Bounds;
  private readonly gradients: Float32Array;
  /** Sums of the gradients before those in `gradients`, where several make one update. */
  private accumulated: Float32Array | undefined;
  private isFilled = false;

  private constructor(
    private readonly setup: ShardSetup,
    private readonly state: ReplicaState,
    private readonly collective: Collective,
    private readonly team: Collective,
    private readonly updateSession: LocalSession,
  ) {
    const { length, slots } = setup;
    this.bounds = evenBounds(length, collective.size);
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

  /**
   * @param collective of those who hold the same parameters.
   * @param team of those who hold all parameters together; theirs is the norm of the gradient.
   */
  static async create(
    setup: ShardSetup,
    state: ReplicaState,
    collective: Collective,
    team = collective,
  ): Promise<ParameterShard> {
    // Memory is what an update waits for: a second thread gains little, and much is lost where others use its core.
    const update = await LocalSession.create(setup.updateModel, { threads: 1 });
    return new ParameterShard(setup, state, collective, team, update);
  }

  /**
   * Takes the gradients that `differentiate` writes into `heldGradients`, beside those taken since the last update.
   * @param share rows that they are of, over those of the batch; running statistics move by as much.
   */
  async take<T>(share: number, differentiate: () => Promise<T>): Promise<T> {
    if (this.isFilled) {
      this.accumulated ??= new Float32Array(this.gradients.length);
      for (let k = 0; k < this.gradients.length; k++) this.accumulated[k]! += this.gradients[k]!;
    }
    const result = await differentiate();
    this.moveStatistics(share);
    this.isFilled = true;
    return result;
  }

  /** The gradients of no rows. */
  async takeNothing(): Promise<void> {
    await this.take(0, async () => this.gradients.fill(0));
  }

  /** Turns the next values of running statistics into how far they fall, so that replicas' moves add up to their mean. */
  private moveStatistics(share: number): void {
    const { parameters } = this.state;
    for (const { begin, end, isStatistic } of this.setup.segments)
      for (let k = begin; isStatistic && k < end; k++)
        this.gradients[k] = share && share * (parameters[k]! - this.gradients[k]!);
  }

  /**
   * Sums the mean of the gradients of batches over the group.
   * @param values what members of the group exchange at the same time.
   */
  async sum(batches: number, values: readonly number[] = []): Promise<number[][]> {
    const { gradients, accumulated } = this;
    if (accumulated) for (let k = 0; k < gradients.length; k++) gradients[k]! += accumulated[k]!;
    this.accumulated = undefined;
    this.isFilled = false;
    this.divide(batches);
    return this.collective.reduceScatter(gradients, this.bounds, values);
  }

  /**
   * Updates the parameters with the gradients that were summed.
   * @returns the norm of the gradient before clipping, where it is clipped.
   */
  async update(at: { learningRate: number; step: number }): Promise<number | undefined> {
    const { collective, bounds, state } = this;
    const { optimizer } = this.setup;
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

  /** The parameters (rank 0 alone, of threads), and the optimizer's vectors: whole where members are processes. */
  async snapshot(): Promise<ReplicaState> {
    const { parameters, states } = this.state;
    if (this.isInProcesses) return { parameters, states: await this.gathered(states) };
    return { parameters: this.setup.rank ? new Float32Array(0) : parameters, states };
  }

  /** The parameters, or their moving average: whole where members are processes, else what rank 0 or each holds of them. */
  async weights(): Promise<Float32Array> {
    const { [EMA]: average } = this.state.states;
    if (average) return this.isInProcesses ? (await this.gathered({ [EMA]: average }))[EMA]! : average;
    return this.isInProcesses || !this.setup.rank ? this.state.parameters : new Float32Array(0);
  }

  private get isInProcesses(): boolean {
    const { group } = this.setup;
    return group !== undefined && areProcesses(group);
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

  /** Divides the gradients; the moves of running statistics follow one upon the other. */
  private divide(batches: number): void {
    for (const { begin, end, isStatistic } of this.setup.segments)
      for (let k = begin; batches > 1 && !isStatistic && k < end; k++) this.gradients[k]! /= batches;
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
    const [total] = await allReduce(this.team, [squares]);
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
