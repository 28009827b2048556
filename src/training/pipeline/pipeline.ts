import { UserError } from '../../errors.js';
import { joined, sumOf } from '../../group.js';
import { type NamedValues, pickValues } from '../../ir/types.js';
import { encodeModel } from '../../onnx/write.js';
import { allOrEnd, evenBounds } from '../../parallel/collective.js';
import { createMailboxes, endMailboxes } from '../../parallel/mailbox.js';
import { createSharedGroup, endGroup, type SharedGroup } from '../../parallel/shared-memory.js';
import { batchSize, rowsOf } from '../../runtime/pool.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import { withLoadable } from '../../runtime/source.js';
import { WorkerThread } from '../../runtime/thread.js';
import { inTurns } from '../../turns.js';
import type { StepSettings, TrainingGroup, TrainingState } from '../group.js';
import { fillBatch } from '../objectives.js';
import { buildUpdate, type Optimizer } from '../optimizers.js';
import { type Layout, layOut, type Parameter, type Slot } from '../parameters.js';
import type { ReplicaState, StepResult } from '../replica-protocol.js';
import { initialState, segmentsOf, sortByGroup } from '../replicas.js';
import type { PipelinePlan, PipelineStage } from './plan.js';
import type { StageMethods, StageSetup } from './protocol.js';

/** How the stages of a pipeline are made. */
export interface PipelineGroupOptions {
  optimizer: Optimizer;
  /** Pipelines side by side, each with a share of every batch. */
  copies: number;
  session: SessionOptions;
  /** Factor of the learning rate of a parameter; 1 where absent. */
  rateOf?: (parameter: Parameter) => number;
  /** Where a run goes on; the model's own weights where absent. */
  state?: TrainingState | undefined;
}

/** The stages of a model that are trained as a pipeline, each in a thread of its own, in one or several copies. */
export class TrainingPipeline implements TrainingGroup {
  readonly isRoot = true;
  readonly isOneProcess = true;
  /** Steps follow one another: a stage has to have its new weights before it takes the next batch. */
  private readonly inTurn = inTurns();
  private batches = 0;

  private constructor(
    private readonly plan: PipelinePlan,
    readonly layout: Layout,
    /** The layouts of the stages, and where each begins in the whole. */
    private readonly parts: readonly { layout: Layout; offset: number }[],
    /** By copy and stage. */
    private readonly threads: readonly (readonly WorkerThread<StageMethods>[])[],
    private readonly groups: readonly (SharedGroup | undefined)[],
    private readonly mailboxes: readonly SharedArrayBuffer[],
  ) {}

  /** Starts the threads and loads the stages into them. @throws UserError where the norm of all gradients is wanted */
  static async create(plan: PipelinePlan, options: PipelineGroupOptions): Promise<TrainingPipeline> {
    const { optimizer, copies, rateOf = () => 1 } = options;
    if (optimizer.maxGradientNorm)
      throw new UserError('has no place in a pipeline, whose stages do not know the whole gradient', {
        file: '--clip-norm',
        mend: 'leave it out, or train without --pipeline',
      });
    const sorted = plan.stages.map(({ step }) => sortByGroup(step?.parameters ?? [], rateOf));
    const layouts = sorted.map(layOut);
    const { layout, parts } = joinLayouts(layouts);
    const groups = layouts.map(({ length }) => (copies > 1 ? createSharedGroup(copies, length) : undefined));
    const threads = Array.from({ length: copies }, () =>
      plan.stages.map(() => new WorkerThread<StageMethods>(new URL('./stage.js', import.meta.url))),
    );
    const mailboxes = threads.map(() => createMailboxes(plan.stages.length));
    const made = new TrainingPipeline(
      plan,
      layout,
      parts,
      threads,
      groups,
      mailboxes.map((line) => line[0]!.counts),
    );
    const whole = options.state ?? initialState(sorted.flat(), layout, optimizer);
    try {
      for (const [k, stage] of plan.stages.entries())
        await withStage(stage, async (forward, step) => {
          const setup: Omit<StageSetup, 'rank' | 'mailbox'> = {
            ...{ forward, step, optimizer, after: plan.stages.length - 1 - k },
            ...{ takes: stage.takes, gives: stage.gives, upstream: stage.upstream },
            group: groups[k],
            loss: stage.step?.loss,
            inputGradients: stage.step?.inputGradients ?? new Map(),
            updateModel: encodeModel(buildUpdate(optimizer)),
            session: { ...options.session, threads: 1 },
            slots: layouts[k]!.slots.map((slot, place) => ({ ...slot, gradient: sorted[k]![place]!.gradient })),
            length: layouts[k]!.length,
            segments: segmentsOf(sorted[k]!, layouts[k]!, optimizer, rateOf),
          };
          await Promise.all(
            threads.map((line, rank) => {
              const mailbox = mailboxes[rank]![k]!;
              const ports = [...mailbox.ports.values()];
              return line[k]!.callWith(ports, 'setUp', { ...setup, rank, mailbox }, made.partOf(whole, k, rank));
            }),
          );
        });
    } catch (error) {
      await made.close();
      throw error;
    }
    return made;
  }

  step(feeds: NamedValues, settings: StepSettings): Promise<StepResult> {
    return this.inTurn(() => this.stepNow(feeds, settings));
  }

  async snapshot(): Promise<TrainingState> {
    const snapshots = await this.inTurn(() => this.together((thread) => thread.call('snapshot')));
    const names = Object.keys(snapshots[0]![0]!.states);
    // Of a stage, the first copy has the parameters, and each copy its part of the optimizer's vectors.
    const statesOf = (name: string) =>
      this.plan.stages.map((_, k) => joined(snapshots.map((line) => line[k]!.states[name]!)));
    return {
      parameters: joined(snapshots[0]!.map(({ parameters }) => parameters)),
      states: Object.fromEntries(names.map((name) => [name, joined(statesOf(name))])),
    };
  }

  fromRoot<T>(find: () => Promise<T>): Promise<T> {
    return find();
  }

  async close(): Promise<void> {
    this.end();
    await Promise.all(this.threads.flat().map((thread) => thread.close()));
  }

  private async stepNow(
    feeds: NamedValues,
    { learningRate, step, update, vote = 0 }: StepSettings,
  ): Promise<StepResult> {
    const start = performance.now();
    const { stages } = this.plan;
    const shares = this.sharesOf(feeds);
    const losses = await this.together((thread, copy, k) =>
      thread.call('differentiate', { feeds: shares[copy]!.map((part) => pickValues(part, stages[k]!.fed)) }),
    );
    const loss = sumOf(losses, (line) => line.at(-1)!);
    this.batches++;
    if (update && Number.isFinite(loss)) {
      await this.together((thread) => thread.call('update', this.batches, { learningRate, step }));
      this.batches = 0;
    }
    return { loss, votes: vote, milliseconds: performance.now() - start };
  }

  /** The micro-batches of each copy. */
  private sharesOf(feeds: NamedValues): NamedValues[][] {
    const bounds = evenBounds(batchSize(feeds), this.threads.length);
    const { rows } = this.plan;
    return this.threads.map((_, copy) => {
      const parts: NamedValues[] = [];
      const end = bounds[copy + 1]!;
      for (let begin = bounds[copy]!; begin < end; begin += rows)
        parts.push(fillBatch(rowsOf(feeds, begin, Math.min(end, begin + rows)), rows));
      return parts;
    });
  }

  /** Calls every thread; where one fails, the others are let go on. @returns results by copy and stage */
  private async together<T>(
    call: (thread: WorkerThread<StageMethods>, copy: number, stage: number) => Promise<T>,
  ): Promise<T[][]> {
    const calls = this.threads.flatMap((line, copy) => line.map((thread, k) => call(thread, copy, k)));
    const results = await allOrEnd(calls, () => this.end());
    const { length } = this.plan.stages;
    return this.threads.map((_, copy) => results.slice(copy * length, (copy + 1) * length));
  }

  private end(): void {
    for (const group of this.groups) if (group) endGroup(group);
    for (const counts of this.mailboxes) endMailboxes(counts);
  }

  private partOf({ parameters, states }: TrainingState, k: number, copy: number): ReplicaState {
    const { offset, layout } = this.parts[k]!;
    const bounds = evenBounds(layout.length, this.threads.length);
    const own = (vector: Float32Array) => vector.slice(offset + bounds[copy]!, offset + bounds[copy + 1]!);
    return {
      parameters: parameters.slice(offset, offset + layout.length),
      states: Object.fromEntries(Object.entries(states).map(([name, vector]) => [name, own(vector)])),
    };
  }
}

/** The layout of the whole, and where that of each stage begins in it. */
function joinLayouts(layouts: readonly Layout[]): { layout: Layout; parts: { layout: Layout; offset: number }[] } {
  const slots: Slot[] = [];
  let length = 0;
  const parts = layouts.map((layout) => {
    const offset = length;
    slots.push(...layout.slots.map((slot) => ({ ...slot, offset: slot.offset + offset })));
    length += layout.length;
    return { layout, offset };
  });
  return { layout: { slots, length }, parts };
}

type Source = Uint8Array | string | undefined;

/** Calls `use` with loadable forms of a stage's models. */
function withStage(
  { forward, step }: PipelineStage,
  use: (forward: Source, step: Source) => Promise<void>,
): Promise<void> {
  const models = [forward, step?.model].flatMap((model) => model ?? []);
  return withLoadable(models, (sources) => use(forward && sources[0], step && sources.at(-1)));
}
