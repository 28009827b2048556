import type { MessagePort } from 'node:worker_threads';
import { joined } from '../../group.js';
import type { NamedValues } from '../../ir/types.js';
import { encodeModel } from '../../onnx/write.js';
import { allOrEnd, evenBounds } from '../../parallel/collective.js';
import { createMailboxes, endMailboxes } from '../../parallel/mailbox.js';
import { createSharedGroup, endGroup, type SharedGroup } from '../../parallel/shared-memory.js';
import { ALONE, type World } from '../../parallel/world.js';
import { batchSize, rowsOf } from '../../runtime/pool.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import { withLoadable } from '../../runtime/source.js';
import { WorkerThread } from '../../runtime/thread.js';
import type { BatchPart } from '../batch-part.js';
import type { StepSettings, TrainingGroup, TrainingState } from '../group.js';
import { findForAll } from '../news.js';
import { buildUpdate, type Optimizer } from '../optimizers.js';
import { type Layout, layOut, type Parameter, type Slot } from '../parameters.js';
import { joinStates, type ReplicaState, type StepResult } from '../replica-protocol.js';
import { initialState, segmentsOf, sortByGroup, stateFor, threadsOf } from '../replicas.js';
import type { PipelinePlan, PipelineStage } from './plan.js';
import type { StageMethods, StageSetup } from './protocol.js';

/** How the stages of a pipeline are made. */
export interface PipelineGroupOptions {
  optimizer: Optimizer;
  /** Pipelines side by side, each with a share of every batch. */
  copies: number;
  /** The processes of the job; of several, each holds one stage of one pipeline. */
  world?: World | undefined;
  session: SessionOptions;
  /** Factor of the learning rate of a parameter; 1 where absent. */
  rateOf?: (parameter: Parameter) => number;
  /** Where a run goes on; the model's own weights where absent. */
  state?: TrainingState | undefined;
}

/** A stage of one of the pipelines. */
interface Member {
  copy: number;
  stage: number;
  thread: WorkerThread<StageMethods>;
}

/** The layout of a stage, and where it begins in the whole. */
interface Part {
  layout: Layout;
  offset: number;
}

/** The stages of a model that are trained as a pipeline, each in a thread or a process of its own, in one or several copies. */
export class TrainingPipeline implements TrainingGroup {
  private constructor(
    private readonly plan: PipelinePlan,
    readonly layout: Layout,
    private readonly world: World,
    private readonly copies: number,
    /** The stages of this process. */
    private readonly members: readonly Member[],
    private readonly groups: readonly SharedGroup[],
    private readonly mailboxes: readonly SharedArrayBuffer[],
  ) {}

  /** Starts the threads and loads the stages into them. */
  static async create(plan: PipelinePlan, options: PipelineGroupOptions): Promise<TrainingPipeline> {
    const { optimizer, copies, rateOf = () => 1, world = ALONE } = options;
    const sorted = plan.stages.map(({ step }) => sortByGroup(step?.parameters ?? [], rateOf));
    const layouts = sorted.map(layOut);
    const { layout, parts } = joinLayouts(layouts);
    const stages = plan.stages.length;
    const places = world.size > 1 ? [world.rank] : [...Array(copies * stages).keys()];
    const members = places.map((place) => ({ ...placeOf(place, stages), thread: startStage() }));
    const ties = world.size > 1 ? tiesOfProcesses(copies, stages) : tiesOfThreads(copies, layouts);
    const { groups, mailboxes } = ties;
    const made = new TrainingPipeline(plan, layout, world, copies, members, groups, mailboxes);
    const resumed = options.state && stateFor(layout, options.state);
    const setUp = async (k: number, forward: Source, step: Source) => {
      const { takes, gives, upstream, step: graph } = plan.stages[k]!;
      const whole = resumed ? partOf(resumed, parts[k]!) : initialState(sorted[k]!, layouts[k]!, optimizer);
      const setup = {
        ...{ forward, step, optimizer, takes, gives, upstream, stage: k, rows: plan.rows },
        fed: plan.stages.map(({ fed }) => fed),
        loss: graph?.loss,
        inputGradients: graph?.inputGradients ?? new Map(),
        updateModel: encodeModel(buildUpdate(optimizer)),
        session: { ...options.session, threads: threadsOf(world) },
        slots: layouts[k]!.slots.map((slot, place) => ({ ...slot, gradient: sorted[k]![place]!.gradient })),
        length: layouts[k]!.length,
        segments: segmentsOf(sorted[k]!, layouts[k]!, optimizer, rateOf),
      };
      const own = members.filter(({ stage }) => stage === k);
      await Promise.all(
        own.map(({ copy, thread }) => {
          const tie = ties.of(copy, k);
          const state = shareOf(whole, copy, copies);
          return thread.callWith(tie.ports, 'setUp', { ...setup, ...tie.setup, rank: copy }, state);
        }),
      );
    };
    try {
      for (const k of new Set(members.map(({ stage }) => stage)))
        await withStage(plan.stages[k]!, (forward, step) => setUp(k, forward, step));
    } catch (error) {
      await made.close();
      throw error;
    }
    return made;
  }

  get isOneProcess(): boolean {
    return this.world.size === 1;
  }

  get isRoot(): boolean {
    return this.world.rank === 0;
  }

  async step(feeds: NamedValues, settings: StepSettings, part?: BatchPart): Promise<StepResult> {
    const bounds = evenBounds(batchSize(feeds), this.isOneProcess ? this.copies : 1);
    const results = await this.together(({ thread, copy, stage }) => {
      const [begin, end] = this.isOneProcess ? [bounds[copy]!, bounds[copy + 1]!] : [0, bounds[1]!];
      const own = end - begin === bounds.at(-1) ? feeds : rowsOf(feeds, begin, end);
      return thread.call('step', { vote: 0, ...settings, part, feeds: stage || begin === end ? {} : own });
    });
    return results[0]!;
  }

  async weights(): Promise<Float32Array> {
    return joined(this.byStage(await this.together(({ thread }) => thread.call('weights'))));
  }

  async snapshot(): Promise<TrainingState> {
    // Of a stage, the first copy has the parameters, and each copy its part of the optimizer's vectors.
    const all = this.byStage(await this.together(({ thread }) => thread.call('snapshot')));
    return { layout: this.layout, ...joinStates(all) };
  }

  fromRoot<T>(find: () => Promise<T>): Promise<T> {
    return this.isOneProcess ? find() : findForAll(this.members[0]!.thread, this.isRoot, find);
  }

  async close(): Promise<void> {
    this.end();
    await Promise.all(this.members.map(({ thread }) => thread.close()));
  }

  /** Calls every thread; where one fails, the others are let go on. */
  private together<T>(call: (member: Member) => Promise<T>): Promise<T[]> {
    return allOrEnd(this.members.map(call), () => this.end());
  }

  /** What members gave, in the order of their stages. */
  private byStage<T>(results: readonly T[]): T[] {
    return this.plan.stages.flatMap((_, k) => results.filter((_, place) => this.members[place]!.stage === k));
  }

  private end(): void {
    for (const group of this.groups) endGroup(group);
    for (const counts of this.mailboxes) endMailboxes(counts);
  }
}

const startStage = () => new WorkerThread<StageMethods>(new URL('./stage.js', import.meta.url));

/** Stages of a pipeline lie side by side. */
const placeOf = (place: number, stages: number) => ({ copy: Math.floor(place / stages), stage: place % stages });

/** What ties a stage to the others of its pipeline, of its kind, and of all pipelines. */
interface Ties {
  of(
    copy: number,
    stage: number,
  ): { setup: Pick<StageSetup, 'group' | 'line' | 'team' | 'place'>; ports: readonly MessagePort[] };
  groups: readonly SharedGroup[];
  mailboxes: readonly SharedArrayBuffer[];
}

function tiesOfThreads(copies: number, layouts: readonly Layout[]): Ties {
  const stages = layouts.length;
  const groups = layouts.map(({ length }) =>
    copies > 1 ? createSharedGroup(copies, length, copies * stages) : undefined,
  );
  const lines = Array.from({ length: copies }, () => createMailboxes(stages));
  const team = createSharedGroup(copies * stages, 0);
  return {
    groups: [team, ...groups.flatMap((group) => group ?? [])],
    mailboxes: lines.map((line) => line[0]!.counts),
    of(copy, stage) {
      const line = lines[copy]![stage]!;
      const setup = { group: groups[stage], line, team, place: copy * stages + stage };
      return { setup, ports: [...line.ports.values()] };
    },
  };
}

function tiesOfProcesses(copies: number, stages: number): Ties {
  const team = [...Array(copies * stages).keys()];
  return {
    groups: [],
    mailboxes: [],
    of(copy, stage) {
      const line = team.slice(copy * stages, (copy + 1) * stages);
      const group = copies > 1 ? team.filter((place) => place % stages === stage) : undefined;
      return { setup: { group, line, team, place: copy * stages + stage }, ports: [] };
    },
  };
}

/** The part of a state that a stage has. */
function partOf({ parameters, states }: TrainingState, { layout, offset }: Part): ReplicaState {
  const own = (vector: Float32Array) => vector.slice(offset, offset + layout.length);
  return {
    parameters: own(parameters),
    states: Object.fromEntries(Object.entries(states).map(([name, vector]) => [name, own(vector)])),
  };
}

/** The part of a stage's optimizer vectors that one of its copies has. */
function shareOf({ parameters, states }: ReplicaState, copy: number, copies: number): ReplicaState {
  const bounds = evenBounds(parameters.length, copies);
  const own = (vector: Float32Array) => vector.slice(bounds[copy], bounds[copy + 1]);
  return { parameters, states: Object.fromEntries(Object.entries(states).map(([name, v]) => [name, own(v)])) };
}

/** The layout of the whole, and where that of each stage begins in it. */
function joinLayouts(layouts: readonly Layout[]): { layout: Layout; parts: Part[] } {
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
