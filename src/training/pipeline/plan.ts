import { inferTypesWithBodies } from '../../analysis/body-types.js';
import type { ValueFacts } from '../../analysis/value-types.js';
import { UserError } from '../../errors.js';
import { sumOf } from '../../group.js';
import { usedValues } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import { isFloat, type NamedValues, pickValues } from '../../ir/types.js';
import { removeDeadNodes } from '../../passes/cleanup/remove-dead-nodes.js';
import { type SplitCosts, splitCosts } from '../../passes/split/costs.js';
import { splitModel } from '../../passes/split/split-model.js';
import { findStages } from '../../passes/split/stages.js';
import type { Provider } from '../../runtime/protocol.js';
import { Session } from '../../runtime/session.js';
import { withLoadable } from '../../runtime/source.js';
import { differentiate } from '../differentiate.js';
import type { TrainableModel } from '../prepare.js';
import { buildStepGraph, fixRows, type Objective, type StepGraph } from '../step-graph.js';

/** A sub-model that is trained together with those before and after it. */
export interface PipelineStage {
  /** From what the stage takes to what it hands over; absent in the last one. */
  forward: Model | undefined;
  /** Computes the forward pass again and the gradients; absent where nothing is trained here or before. */
  step: StepGraph | undefined;
  /** Values that are fed with each batch. */
  fed: string[];
  /** Values of earlier stages, and which stage makes each. */
  takes: ReadonlyMap<string, number>;
  /** Values for later stages, and which of them take each. */
  gives: ReadonlyMap<string, readonly number[]>;
  /** Values for which later stages hand back gradients: which of them do, and the input of `step` for their sum. */
  upstream: ReadonlyMap<string, { input: string; from: readonly number[] }>;
  /** Multiply-accumulates of the forward pass. */
  macs: number;
}

/** A model cut for training. */
export interface PipelinePlan {
  stages: PipelineStage[];
  /** Rows of every micro-batch. */
  rows: number;
}

/** How a model is cut for training. */
export interface PipelineOptions {
  stages: number;
  objective: Objective;
  /** The output that the objective looks at. */
  output: string;
  /** Inputs of a typical micro-batch, the objective's among them. */
  typical: NamedValues;
  rows: number;
  keepZeros?: boolean | undefined;
  provider?: Provider | undefined;
}

/**
 * Cuts a model into stages of about equal cost and builds for each the graph of its forward and backward pass. The backward
 * pass computes the forward pass of its stage again, so that of each micro-batch under way a stage keeps only what it was
 * handed (Huang et al., "GPipe", 2019). A weight that is used in several places is never cut apart.
 * @throws UserError where there are not so many places to cut
 */
export async function planPipeline(trainable: TrainableModel, options: PipelineOptions): Promise<PipelinePlan> {
  const { typical, rows, output } = options;
  const model = trainable.model.clone();
  model.graph.outputs = model.graph.outputs.filter(({ name }) => name === output);
  fixRows(model, typical, rows);
  await removeDeadNodes.run(model);
  const used = new Set(model.graph.nodes.flatMap((node) => [...usedValues(node)]));
  model.graph.inputs = model.graph.inputs.filter(({ name }) => used.has(name));
  const trained = new Set(trainable.parameters.map(({ name }) => name));
  const costs = await splitCosts(model, { feeds: { ...feedsOf(model, typical), ...weightsOf(trainable) } });
  const cuts = findStages(model, options.stages, { ...costs, isHeld: (input) => trained.has(input) });
  if (cuts.length < options.stages)
    throw new UserError(`can be trained in at most ${cuts.length} stages`, {
      file: model.source?.path,
      mend: 'ask for fewer with --pipeline',
    });
  const parts = await splitModel(model, cuts, costs.typeOf);
  const stages = parts.map((part, k) => routesOf(parts, part, k, costs));
  const sizes = await typicalValues(parts, { ...typical, ...weightsOf(trainable) });
  for (let k = stages.length - 1; k >= 0; k--)
    await addStep(stages, k, parts[k]!, trainable, { ...options, typical: sizes });
  return { stages, rows };
}

const feedsOf = ({ graph }: Model, values: NamedValues): NamedValues =>
  pickValues(
    values,
    graph.inputs.map(({ name }) => name),
  );

const weightsOf = ({ parameters }: TrainableModel): NamedValues =>
  Object.fromEntries(parameters.map(({ name, tensor }) => [name, tensor.toValue()]));

/** Who makes what a stage takes, and who takes what it makes. */
function routesOf(parts: readonly Model[], { graph }: Model, k: number, { macs }: SplitCosts): PipelineStage {
  const makes = (part: Model, name: string) => part.graph.outputs.some((output) => output.name === name);
  const takes = new Map<string, number>();
  for (const { name } of graph.inputs) {
    const from = parts.findIndex((part, place) => place < k && makes(part, name));
    if (from >= 0) takes.set(name, from);
  }
  const gives = new Map<string, number[]>();
  for (const { name } of graph.outputs) {
    const to = parts.flatMap((part, place) =>
      place > k && part.graph.inputs.some((input) => input.name === name) ? [place] : [],
    );
    if (to.length) gives.set(name, to);
  }
  return {
    forward: undefined,
    step: undefined,
    fed: [],
    takes,
    gives,
    upstream: new Map(),
    macs: sumOf(graph.nodes, macs),
  };
}

/** Runs the parts once, for the sizes of what is handed over. */
async function typicalValues(parts: readonly Model[], feeds: NamedValues): Promise<NamedValues> {
  const values = { ...feeds };
  for (const part of parts.slice(0, -1))
    Object.assign(
      values,
      await withLoadable([part], ([source]) => Session.runOnce(source!, feedsOf(part, values), { threads: 1 })),
    );
  return values;
}

async function addStep(
  stages: PipelineStage[],
  k: number,
  part: Model,
  { parameters }: TrainableModel,
  { objective, typical, rows, keepZeros = false, provider = 'cpu' }: PipelineOptions,
): Promise<void> {
  const stage = stages[k]!;
  const isLast = k === stages.length - 1;
  const given = new Set(part.graph.inputs.map(({ name }) => name));
  const own = parameters.filter(({ name }) => given.has(name));
  const inputs = [...stage.takes.keys()].filter((name) => isFloat(typical[name]!.type));
  const upstream = new Map<string, { input: string; from: number[] }>();
  for (const [value, to] of stage.gives) {
    const from = to.filter((place) => stages[place]!.step?.inputGradients.has(value));
    if (from.length) upstream.set(value, { input: `nncompress/gradient/${value}`, from });
  }
  const targets = isLast ? part.graph.outputs.map(({ name }) => name) : [...upstream.keys()];
  const facts = await inferTypesWithBodies(part);
  if (dependOn(part, targets, new Set([...own.map(({ name }) => name), ...inputs])))
    stage.step = await buildStepGraph(
      { model: part, parameters: own, facts },
      {
        objective: isLast ? ofRows(objective, rows) : productOf(upstream),
        typical,
        inputs,
        keepZeros,
        provider,
      },
    );
  stage.upstream = upstream;
  if (!isLast) stage.forward = await forwardOf(part, own, stage, facts);
  const held = new Set([
    ...own.map(({ name }) => name),
    ...stage.takes.keys(),
    ...[...upstream.values()].map(({ input }) => input),
  ]);
  const graphs = [stage.forward?.graph, stage.step?.model.graph];
  stage.fed = [...new Set(graphs.flatMap((graph) => graph?.inputs.map(({ name }) => name) ?? []))].filter(
    (name) => !held.has(name),
  );
}

/** Whether one of some values is computed from one of others. */
function dependOn({ graph }: Model, values: readonly string[], sources: ReadonlySet<string>): boolean {
  const reached = new Set(sources);
  for (const node of graph.nodes)
    if ([...usedValues(node)].some((value) => reached.has(value)))
      for (const output of node.outputs) reached.add(output);
  return values.some((value) => reached.has(value));
}

/** The same objective on batches of a fixed size. */
const ofRows =
  (objective: Objective, rows: number): Objective =>
  (site) =>
    objective({
      ...site,
      input: (name, type, dims) =>
        site.input(
          name,
          type,
          dims.map((dim) => (dim === 'rows' ? rows : dim)),
        ),
    });

/** A number whose gradients are those of the loss: what a stage hands over times the gradients that come back for it. */
const productOf =
  (upstream: ReadonlyMap<string, { input: string }>): Objective =>
  ({ g, model, input }) =>
    [...upstream]
      .map(([value, { input: name }]) => {
        const type = model.graph.outputs.find((output) => output.name === value)?.type;
        const shape = type?.kind === 'tensor' ? type.shape : undefined;
        return g.sum(g.mul(value, input(name, 'float32', shape!)), undefined, false);
      })
      .reduce((sum, term) => g.add(sum, term));

/**
 * The forward pass with the trained weights as inputs and all others as constants. Where the backward pass computes it in
 * another way, as it does in recurrent layers, it is computed in that way here, too: ONNX Runtime's own kernels round
 * otherwise, and gradients would be those of other values than the later stages have seen.
 */
async function forwardOf(
  part: Model,
  own: TrainableModel['parameters'],
  { step, upstream, takes }: PipelineStage,
  facts: ReadonlyMap<string, ValueFacts>,
): Promise<Model> {
  const model = part.clone();
  const trained = step?.parameters.map(({ name }) => name) ?? [];
  if (step) {
    const targets = new Map([...upstream].map(([value, { input }]) => [value, input]));
    differentiate(model, targets, [...trained, ...takes.keys()], { facts });
    await removeDeadNodes.run(model);
  }
  for (const { name, tensor } of own) {
    if (trained.includes(name)) continue;
    model.graph.inputs = model.graph.inputs.filter((input) => input.name !== name);
    model.graph.initializers.set(name, tensor);
  }
  return model;
}
