import { inferTypesWithBodies } from '../analysis/body-types.js';
import type { ValueFacts } from '../analysis/value-types.js';
import { UserError } from '../errors.js';
import { Emitter } from '../ir/emitter.js';
import { type Dim, usedValues } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import type { DataType, NamedValues } from '../ir/types.js';
import { commonSubexpressions } from '../passes/cleanup/common-subexpressions.js';
import { deduplicateInitializers } from '../passes/cleanup/deduplicate-initializers.js';
import { foldConstants } from '../passes/cleanup/fold-constants.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import { removeIdentities } from '../passes/cleanup/remove-identities.js';
import { runPasses } from '../passes/pass.js';
import { convolutionBlock } from '../runtime/convolution-block.js';
import type { Provider } from '../runtime/protocol.js';
import { lowerBatchNorms, trainBatchNorms } from './batch-norm.js';
import { blockConvolutions } from './blocked-convolutions.js';
import { differentiate } from './differentiate.js';
import { typicalSizes } from './memory.js';
import type { Parameter } from './parameters.js';
import type { TrainableModel } from './prepare.js';
import { finish, finishRecomputed } from './step-outputs.js';

/** What a loss is built with. */
export interface ObjectiveSite {
  g: Emitter;
  model: Model;
  /** Declares an input that is fed with each batch; asked for again, it is the same one. */
  input(name: string, type: DataType, dims: readonly Dim[]): string;
  /** Declares a parameter of the loss itself, trained with those of the model and thrown away at the end. */
  parameter(tensor: Tensor): string;
}

/** Adds a loss to a model; gives the name of one float32 scalar, the sum over the rows of a batch. */
export type Objective = (site: ObjectiveSite) => string;

/** The gradient of a loss by the parameters of a model, as a model. */
export interface StepGraph {
  /** Inputs: the model's own, the objective's, and the parameters. */
  model: Model;
  /** Output that holds the loss. */
  loss: string;
  /** Rows of every batch, where that is fixed. */
  rows: number | undefined;
  /** Types and shapes of values that the model itself does not tell. */
  sizes?: ReadonlyMap<string, ValueFacts> | undefined;
  /** The parameters that the loss depends on; `gradient` is the output with the parameter's gradient. */
  parameters: (Parameter & { gradient: string })[];
  /** Outputs that hold the gradients of values that the model takes, where those were asked for and there are some. */
  inputGradients: ReadonlyMap<string, string>;
}

/** How a step graph is built. */
export interface StepGraphOptions {
  objective: Objective;
  /** True: batch normalizations of trained layers use the statistics of the batch, and move their running ones. */
  batchStatistics?: boolean;
  /** Inputs of a typical batch, for recipes that are chosen by their cost. */
  typical?: NamedValues;
  /** Rows of every batch. A fixed size lets more recipes be used; absent, it stays as open as the model leaves it. */
  rows?: number;
  /** True: what the backward pass needs is computed again rather than kept, where that saves memory. */
  checkpointing?: boolean;
  /** True: weights that are zero stay zero, those of biases and norms aside. */
  keepZeros?: boolean;
  /** Where the graph will run; the CPU where absent. */
  provider?: Provider;
  /** Inputs of the model whose gradients are asked for, too. */
  inputs?: readonly string[];
}

/** The last operator set in which ONNX Runtime has a kernel for batch normalization in training, on the CPU alone. */
const LAST_FUSED_OPSET = 20;

/**
 * Builds the graph of one training step but for the update: forward pass, loss, and backward pass.
 * @throws UserError naming every node that has no gradient, or where the loss depends on no parameter
 */
export async function buildStepGraph(
  { model: prepared, parameters: own }: TrainableModel,
  options: StepGraphOptions,
): Promise<StepGraph> {
  const { objective, batchStatistics = false, typical = {}, rows, checkpointing = false } = options;
  const { provider = 'cpu', inputs = [] } = options;
  const model = prepared.clone();
  const { graph } = model;
  const { loss, auxiliary } = addObjective(model, objective);
  const parameters = [...own, ...auxiliary];
  if (rows !== undefined) fixRows(model, typical, rows);
  const facts = await inferTypesWithBodies(model);
  const statistics = batchStatistics ? trainBatchNorms(model, hasOneOf(own)) : [];
  const blockSize = provider === 'cpu' ? await convolutionBlock() : undefined;
  const gradients = differentiate(
    model,
    new Map([[loss, new Emitter(model, 'gradient').scalar(1)]]),
    [...parameters.map(({ name }) => name), ...inputs],
    { facts, typical: typicalSizes(model, typical), blockSize },
  );
  if (!gradients.size)
    throw new UserError('nothing is left to train: everything is frozen', {
      file: model.source?.path,
      mend: 'freeze less',
    });
  if (options.keepZeros) maskGradients(model, own, gradients);
  const isFused = model.opset <= LAST_FUSED_OPSET && provider === 'cpu';
  if (statistics.length && !isFused) lowerBatchNorms(model, (name) => facts.get(name)?.dims?.length);
  for (const { name, next } of statistics) gradients.set(name, next);
  graph.outputs = [loss, ...new Set(gradients.values())].map((name) => ({ name }));
  await runPasses(model, [foldConstants, commonSubexpressions, removeDeadNodes]);
  if (blockSize !== undefined) await runPasses(model, [blockConvolutions(blockSize)]);
  await runPasses(model, [removeIdentities, deduplicateInitializers, commonSubexpressions, removeDeadNodes]);
  graph.valueInfos.clear();
  const settings = { loss, parameters: new Set(parameters.map(({ name }) => name)), typical };
  const finished = checkpointing ? await finishRecomputed(model, gradients, settings) : finish(model, gradients, loss);
  const { outputs, sizes } = finished;
  keepConstant(
    finished.model,
    parameters.filter(({ name }) => !outputs.has(name)),
  );
  const moved = statistics.map(({ name, tensor }) => ({
    ...takenBy(name, tensor, finished.model),
    ...{ decays: false, isStatistic: true },
  }));
  const reached = [...parameters, ...moved].filter(({ name }) => outputs.has(name));
  return {
    ...{ model: finished.model, loss, rows, sizes },
    parameters: reached.map((one) => ({ ...one, gradient: outputs.get(one.name)! })),
    inputGradients: new Map(inputs.flatMap((name) => (outputs.has(name) ? [[name, outputs.get(name)!]] : []))),
  };
}

/**
 * Leaves zeros of matrices and kernels without a gradient. No optimizer moves them then: their moments stay zero, and so
 * does what weight decay takes from them.
 */
function maskGradients(model: Model, parameters: readonly Parameter[], gradients: Map<string, string>): void {
  const g = new Emitter(model, 'mask');
  for (const { name, tensor, decays } of parameters) {
    const gradient = gradients.get(name);
    const mask = Uint8Array.from(tensor.toFloats(), (weight) => Number(weight !== 0));
    if (!gradient || !decays || !mask.includes(0)) continue;
    const isKept = g.constant(Tensor.of('mask/kept', 'bool', tensor.dims, mask));
    gradients.set(name, g.where(isKept, gradient, 0));
  }
}

/** Makes constants of parameters that no gradient reaches, and drops inputs that nothing takes any more. */
function keepConstant({ graph }: Model, parameters: readonly Parameter[]): void {
  const used = new Set(graph.nodes.flatMap((node) => [...usedValues(node)]));
  const constants = new Set(parameters.map(({ name }) => name));
  graph.inputs = graph.inputs.filter(({ name }) => used.has(name) && !constants.has(name));
  for (const { name, tensor } of parameters) if (used.has(name)) graph.initializers.set(name, tensor);
}

/** Tells nodes that compute with one of some parameters. */
function hasOneOf(parameters: readonly Parameter[]): (node: Node) => boolean {
  const names = new Set(parameters.map(({ name }) => name));
  return ({ inputs }) => inputs.some((input) => names.has(input));
}

/** A parameter that the model itself does not list, with the node that takes it. */
function takenBy(name: string, tensor: Tensor, { graph }: Model): Omit<Parameter, 'decays'> {
  const consumer = graph.nodes.find(({ inputs }) => inputs.includes(name))!;
  return { name, tensor, consumer, position: consumer.inputs.indexOf(name), depth: 0 };
}

function addObjective(model: Model, objective: Objective): { loss: string; auxiliary: Parameter[] } {
  const { graph } = model;
  const declared = new Map<string, string>();
  const tensors = new Map<string, Tensor>();
  const declare = (base: string, elem: DataType, shape: readonly Dim[]) => {
    const name = model.freshName(base);
    graph.inputs.push({ name, type: { kind: 'tensor', elem, shape } });
    return name;
  };
  const loss = objective({
    g: new Emitter(model, 'loss'),
    model,
    input(base, type, dims) {
      const name = declared.get(base) ?? declare(base, type, dims);
      declared.set(base, name);
      return name;
    },
    parameter(tensor) {
      const name = declare(tensor.name, 'float32', tensor.dims);
      tensors.set(name, tensor);
      return name;
    },
  });
  const auxiliary = [...tensors].map(([name, tensor]) => ({
    ...takenBy(name, tensor, model),
    ...{ decays: tensor.dims.length > 1, isAuxiliary: true },
  }));
  return { loss, auxiliary };
}

/** Gives the symbols of the batch axis a size. Inputs that are fed have it first. */
export function fixRows({ graph }: Model, typical: NamedValues, rows: number): void {
  const fed = graph.inputs.filter(({ name }) => name in typical);
  const symbols = new Set(fed.map(({ type }) => type?.kind === 'tensor' && type.shape?.[0]));
  for (const info of graph.inputs)
    if (info.type?.kind === 'tensor' && info.type.shape)
      info.type = {
        ...info.type,
        shape: info.type.shape.map((dim) => (typeof dim === 'string' && symbols.has(dim) ? rows : dim)),
      };
}

/** True where trained layers are followed by batch normalizations. */
export function hasBatchNorms({ model, parameters }: TrainableModel): boolean {
  return model.graph.nodes.filter(({ type }) => type === 'BatchNormalization').some(hasOneOf(parameters));
}
