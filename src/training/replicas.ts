import { availableParallelism } from 'node:os';
import { joined, sumOf } from '../group.js';
import type { NamedValues } from '../ir/types.js';
import { encodeModel } from '../onnx/write.js';
import { allOrEnd, evenBounds } from '../parallel/collective.js';
import { createSharedGroup, endGroup, type SharedGroup } from '../parallel/shared-memory.js';
import { ALONE, type World } from '../parallel/world.js';
import { arraysOf, buffersOf } from '../runtime/give-back.js';
import { batchSize, rowsOf } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { withLoadable } from '../runtime/source.js';
import { WorkerThread } from '../runtime/thread.js';
import type { BatchPart } from './batch-part.js';
import type { StepSettings, TrainingGroup, TrainingState } from './group.js';
import { findForAll } from './news.js';
import { fillBatch } from './objectives.js';
import { buildUpdate, EMA, type Optimizer, optimizerStates } from './optimizers.js';
import { type Layout, layOut, type Parameter, rearranged } from './parameters.js';
import {
  joinStates,
  type ReplicaMethods,
  type ReplicaState,
  type Segment,
  type StepResult,
} from './replica-protocol.js';
import type { StepGraph } from './step-graph.js';

/** How replicas are made. */
export interface ReplicaOptions {
  optimizer: Optimizer;
  /** Copies of the model, each in a thread of its own with a share of every batch. */
  replicas: number;
  /** The processes of the job; of several, each holds one copy. */
  world?: World | undefined;
  session: SessionOptions;
  /** Factor of the learning rate of a parameter; 1 where absent. */
  rateOf?: (parameter: Parameter) => number;
  /** Where a run goes on; the model's own weights where absent. */
  state?: TrainingState | undefined;
}

/** Parameters of more bytes are held once, and all cores work on each operator: exchanging them would cost too much. */
const HELD_PER_CORE = 4e6;

/**
 * One copy per core where sums over shares of a batch are the sums over the batch, and copies are small; else one.
 * @param isWhole true where a batch cannot be shared out.
 */
export function bestReplicas(parameters: readonly Parameter[], isWhole: boolean): number {
  const bytes = sumOf(parameters, ({ tensor }) => tensor.byteLength);
  return isWhole || bytes > HELD_PER_CORE ? 1 : availableParallelism();
}

/** Copies of a model that are trained together on shares of each batch, with the result of one that takes it whole. */
export class Replicas implements TrainingGroup {
  private constructor(
    readonly layout: Layout,
    private readonly threads: readonly WorkerThread<ReplicaMethods>[],
    private readonly group: SharedGroup | undefined,
    private readonly world: World,
    private readonly rows: number | undefined,
    private readonly inputs: ReadonlySet<string>,
  ) {}

  /** Starts the threads and loads the step graph into each. */
  static async create(graph: StepGraph, options: ReplicaOptions): Promise<Replicas> {
    const { optimizer, session, rateOf = () => 1, world = ALONE } = options;
    const replicas = world.size > 1 ? 1 : options.replicas;
    const sorted = sortByGroup(graph.parameters, rateOf);
    const layout = layOut(sorted);
    const group = replicas > 1 ? createSharedGroup(replicas, layout.length) : undefined;
    const threads = Array.from(
      { length: replicas },
      () => new WorkerThread<ReplicaMethods>(new URL('./replica.js', import.meta.url)),
    );
    const made = new Replicas(
      layout,
      threads,
      group,
      world,
      graph.rows,
      new Set(graph.model.graph.inputs.map(({ name }) => name)),
    );
    const whole = options.state ? stateFor(layout, options.state) : initialState(graph.parameters, layout, optimizer);
    try {
      await withLoadable([graph.model], async ([stepModel]) => {
        const setup = {
          group: world.size > 1 ? Array.from({ length: world.size }, (_, rank) => rank) : group,
          stepModel: stepModel!,
          updateModel: encodeModel(buildUpdate(optimizer)),
          session: replicas > 1 || world.size > 1 ? { ...session, threads: threadsOf(world) } : session,
          loss: graph.loss,
          slots: layout.slots.map((slot, k) => ({ ...slot, gradient: sorted[k]!.gradient })),
          length: layout.length,
          segments: segmentsOf(sorted, layout, optimizer, rateOf),
          optimizer,
        };
        await made.together((thread, k) => {
          const rank = world.rank + k;
          return thread.call('setUp', { ...setup, rank }, made.partOf(whole, rank));
        });
      });
    } catch (error) {
      await made.close();
      throw error;
    }
    return made;
  }

  /** All copies, those of other processes included. */
  get size(): number {
    return Math.max(this.threads.length, this.world.size);
  }

  get isOneProcess(): boolean {
    return this.world.size === 1;
  }

  /** True in the process that speaks for all. */
  get isRoot(): boolean {
    return this.world.rank === 0;
  }

  async step(feeds: NamedValues, settings: StepSettings, part?: BatchPart): Promise<StepResult> {
    const all = batchSize(feeds);
    const bounds = evenBounds(all, this.threads.length);
    const batchRows = this.isOneProcess ? all : undefined;
    const results = await this.together((thread, k) => {
      const [begin, end] = [bounds[k]!, bounds[k + 1]!];
      const own = this.threads.length === 1 ? feeds : rowsOf(feeds, begin, end);
      const rows = end - begin;
      const inputs = rows ? this.inputsOf(own) : {};
      const request = { vote: 0, ...settings, part, rows, batchRows, feeds: inputs };
      // What was cut out of the batch for one thread is needed here no more.
      const handed = own === feeds ? [] : [...buffersOf(arraysOf(inputs))];
      return thread.callWith(handed, 'step', request);
    });
    return results[0]!;
  }

  async weights(): Promise<Float32Array> {
    return joined(await this.together((thread) => thread.call('weights')));
  }

  async snapshot(): Promise<TrainingState> {
    const parts = await this.together((thread) => thread.call('snapshot'));
    return { layout: this.layout, ...joinStates(parts) };
  }

  /** Gives every process what the one that speaks for all has found; others find nothing. */
  async fromRoot<T>(find: () => Promise<T>): Promise<T> {
    return this.isOneProcess ? find() : findForAll(this.threads[0]!, this.isRoot, find);
  }

  async close(): Promise<void> {
    if (this.group) endGroup(this.group);
    await Promise.all(this.threads.map((thread) => thread.close()));
  }

  /** What the step graph takes of a batch, with as many rows as it insists on. */
  private inputsOf(feeds: NamedValues): NamedValues {
    const filled = this.rows === undefined ? feeds : fillBatch(feeds, this.rows);
    return Object.fromEntries(Object.entries(filled).filter(([name]) => this.inputs.has(name)));
  }

  /** Calls every thread; where one fails, the others are let go on. */
  private together<T>(call: (thread: WorkerThread<ReplicaMethods>, k: number) => Promise<T>): Promise<T[]> {
    return allOrEnd(
      this.threads.map((thread, k) => call(thread, k)),
      () => this.group && endGroup(this.group),
    );
  }

  private partOf({ parameters, states }: Omit<TrainingState, 'layout'>, rank: number): ReplicaState {
    const bounds = evenBounds(this.layout.length, this.size);
    const own = (vector: Float32Array) => (this.size === 1 ? vector : vector.slice(bounds[rank], bounds[rank + 1]));
    return { parameters, states: Object.fromEntries(Object.entries(states).map(([name, v]) => [name, own(v)])) };
  }
}

/** Threads for each of several copies or stages: cores are shared out, so that none waits for another's work. */
export function threadsOf({ size, localSize }: World): number {
  return size > 1 ? Math.max(1, Math.floor(availableParallelism() / localSize)) : 1;
}

/** Parameters with the same settings side by side, so that few pieces are updated on their own. */
export function sortByGroup<P extends Parameter>(parameters: readonly P[], rateOf: (parameter: P) => number): P[] {
  const isStatistic = (parameter: P) => Number(parameter.isStatistic ?? false);
  return [...parameters].sort(
    (a, b) => isStatistic(a) - isStatistic(b) || rateOf(a) - rateOf(b) || Number(a.decays) - Number(b.decays),
  );
}

export function segmentsOf(
  parameters: readonly Parameter[],
  { slots }: Layout,
  { weightDecay }: Optimizer,
  rateOf: (parameter: Parameter) => number,
): Segment[] {
  const segments: Segment[] = [];
  for (const [k, parameter] of parameters.entries()) {
    const { offset, length } = slots[k]!;
    const { decays, isStatistic = false } = parameter;
    const settings = { rate: rateOf(parameter), weightDecay: decays ? weightDecay : 0, isStatistic };
    const last = segments.at(-1);
    const joins =
      last?.rate === settings.rate && last.weightDecay === settings.weightDecay && last.isStatistic === isStatistic;
    if (joins) last.end = offset + length;
    else segments.push({ begin: offset, end: offset + length, ...settings });
  }
  return segments;
}

/** A state as another group needs it, which has its parameters in another order. */
export function stateFor(to: Layout, { layout, parameters, states }: TrainingState): TrainingState {
  const arrange = (vector: Float32Array) => rearranged(vector, layout, to);
  return {
    layout: to,
    parameters: arrange(parameters),
    states: Object.fromEntries(Object.entries(states).map(([name, vector]) => [name, arrange(vector)])),
  };
}

/** The state that a run begins with. */
export function initialState(parameters: readonly Parameter[], layout: Layout, optimizer: Optimizer): TrainingState {
  const vector = new Float32Array(layout.length);
  const tensors = new Map(parameters.map(({ name, tensor }) => [name, tensor]));
  for (const { name, offset } of layout.slots) vector.set(tensors.get(name)!.toFloats(), offset);
  const states = optimizerStates(optimizer).map((name): [string, Float32Array] => [
    name,
    name === EMA ? vector.slice() : new Float32Array(layout.length),
  ]);
  return { layout, parameters: vector, states: Object.fromEntries(states) };
}
