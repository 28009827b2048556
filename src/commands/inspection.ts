import { statSync } from 'node:fs';
import { type ModelCost, measureCost } from '../analysis/cost.js';
import { formatDims, type GivenShapes, requiredInputs } from '../analysis/example-inputs.js';
import { type ConstantUse, constantUses } from '../analysis/parameters.js';
import { UserError } from '../errors.js';
import { groupBy, sumOf } from '../group.js';
import type { ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { externalLocations, modelFiles } from '../onnx/write.js';
import { castLikeToCast } from '../passes/cleanup/cast-like-to-cast.js';
import { constantsToInitializers } from '../passes/cleanup/constants-to-initializers.js';
import { foldConstants } from '../passes/cleanup/fold-constants.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import { runPasses } from '../passes/pass.js';
import { type PruningSurvey, surveyPruning } from '../passes/prune/survey.js';
import { type Family, surveyModel, type Treatment } from '../passes/quantize/plan.js';
import { Session } from '../runtime/session.js';
import { type GradientSurvey, surveyGradients } from '../training/survey.js';
import { formOf } from './adaptive-file.js';

/** An input or output as a user reads it. */
export interface InspectedValue {
  name: string;
  type: string;
  shape: string;
}

/** Nodes of a kind that can be treated alike. */
export interface Opportunity {
  family: Family;
  operators: string[];
  nodes: number;
  parameters: number;
  /** What can be done to them, best-suited first. */
  treatments: readonly Treatment[];
  /** Why there is no integer kernel for them, where there is none. */
  reason?: string | undefined;
}

/** Everything that `inspect` finds out about a model. */
export interface Inspection {
  path: string;
  /** Bytes of the model file and of its external data. */
  bytes: number;
  externalFiles: string[];
  producer: string;
  irVersion: number;
  opsets: Record<string, number>;
  inputs: InspectedValue[];
  outputs: InspectedValue[];
  /** Where samples may leave early, multiply-accumulates are those of one that goes through all exits. */
  cost: ModelCost;
  leavesEarly: boolean;
  largest: {
    name: string;
    type: string;
    dims: readonly number[];
    bytes: number;
    /** The operator that computes with it, and the name of that node. */
    operator: string | undefined;
    node: string | undefined;
    /** True for weights that are stored as integers. */
    quantized: boolean;
  }[];
  opportunities: Opportunity[];
  /** Nodes with weights that stay as they are, by reason. */
  refused: { reason: string; type: string; nodes: number }[];
  /** Weights that are integers already, by the operator that uses them. */
  quantized: { operator: string; tensors: number; parameters: number }[];
  /** Operators outside the sets of ONNX and ONNX Runtime. */
  customOperators: string[];
  functions: number;
  /** Why ONNX Runtime cannot load the model; undefined where it can. */
  loadError: string | undefined;
  /** What can be trained, where that was asked for. */
  gradients?: GradientSurvey | undefined;
  /** What can be pruned, where that was asked for. */
  pruning?: PruningSurvey | undefined;
}

const KNOWN_DOMAINS = ['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft', 'com.microsoft.nchwc', 'com.ms.internal.nhwc'];
const LARGEST = 5;

/** What is found out on request. */
export interface InspectionRequest {
  /** What can be trained. */
  gradients?: boolean;
  /** What can be pruned. */
  channels?: boolean;
}

/**
 * Examines a model.
 * @throws UserError where a given shape does not fit it.
 */
export async function inspectModel(
  model: Model,
  shapes: GivenShapes,
  { gradients = false, channels = false }: InspectionRequest = {},
): Promise<Inspection> {
  const { path } = model.source!;
  const uses = constantUses(model);
  return {
    path,
    bytes: sumOf(modelFiles(model, path), (file) => statSync(file).size),
    externalFiles: [...externalLocations(model)],
    producer: model.producer,
    irVersion: Number(model.irVersion),
    opsets: Object.fromEntries([...model.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    inputs: requiredInputs(model).map(inspectValue),
    outputs: model.graph.outputs.map(inspectValue),
    ...(await costOf(model, shapes)),
    largest: largestWeights(uses),
    ...(await findOpportunities(model, uses)),
    quantized: quantizedWeights(uses),
    customOperators: customOperators(model),
    functions: model.functions.length,
    loadError: await whyNotLoaded(path),
    ...(gradients && { gradients: await surveyGradients(model) }),
    ...(channels && { pruning: await surveyPruning(model) }),
  };
}

function inspectValue({ name, type }: ValueInfo): InspectedValue {
  return type?.kind === 'tensor'
    ? { name, type: type.elem, shape: formatDims(type.shape) }
    : { name, type: type ? 'sequence, map or optional' : 'unknown', shape: '' };
}

function largestWeights(uses: readonly ConstantUse[]): Inspection['largest'] {
  return [...uses]
    .filter((use) => use.parameters > 0)
    .sort((a, b) => b.tensor.byteLength - a.tensor.byteLength)
    .slice(0, LARGEST)
    .map(({ name, tensor, consumer, quantized }) => ({
      name,
      type: tensor.type,
      dims: tensor.dims,
      bytes: tensor.byteLength,
      operator: consumer?.type,
      node: consumer?.label,
      quantized,
    }));
}

async function findOpportunities(
  model: Model,
  uses: readonly ConstantUse[],
): Promise<Pick<Inspection, 'opportunities' | 'refused'>> {
  // As quantize takes it: of a file with exits, with what lies in its branches.
  const prepared = (await formOf(model)).model.clone();
  await runPasses(prepared, [constantsToInitializers, castLikeToCast, foldConstants, removeDeadNodes]);
  const { candidates, refused } = surveyModel(prepared);
  const held = groupBy(uses, ({ consumer }) => consumer?.outputs[0] ?? '');
  const withWeights = candidates.filter(({ weights }) => weights > 0);
  const kinds = groupBy(withWeights, ({ family, treatments, reason }) => [family, treatments, reason].join());
  const opportunities = [...kinds.values()].map((kind): Opportunity => {
    const { family, treatments, reason } = kind[0]!;
    const operators = [...new Set(kind.map(({ node }) => node.type))];
    const parameters = sumOf(kind, ({ key }) => sumOf(held.get(key) ?? [], (use) => use.parameters));
    return { family, operators, nodes: kind.length, parameters, treatments, reason };
  });
  const reasons = groupBy(refused, ({ node, reason }) => `${node.type} ${reason}`);
  return {
    opportunities: opportunities.sort((a, b) => b.parameters - a.parameters),
    refused: [...reasons.values()].map((group) => ({
      reason: group[0]!.reason,
      type: group[0]!.node.type,
      nodes: group.length,
    })),
  };
}

function quantizedWeights(uses: readonly ConstantUse[]): Inspection['quantized'] {
  const integers = uses.filter(({ quantized }) => quantized);
  return [...groupBy(integers, ({ consumer }) => consumer?.type ?? 'unused')]
    .map(([operator, group]) => ({
      operator,
      tensors: group.length,
      parameters: sumOf(group, ({ parameters }) => parameters),
    }))
    .sort((a, b) => b.parameters - a.parameters);
}

function customOperators(model: Model): string[] {
  const local = new Set(model.functions.map(({ domain, name }) => `${domain}.${name}`));
  const types = new Set<string>();
  for (const graph of model.graph.walk())
    for (const { domain, op } of graph.nodes)
      if (!KNOWN_DOMAINS.includes(domain) && !local.has(`${domain}.${op}`)) types.add(`${domain}.${op}`);
  return [...types].sort();
}

async function whyNotLoaded(path: string): Promise<string | undefined> {
  try {
    const session = await Session.create(path, { optimization: 'disabled', threads: 1 });
    await session.release();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** What a model costs: at most, where samples may leave early, and what follows lies in branches. */
async function costOf(model: Model, shapes: GivenShapes): Promise<Pick<Inspection, 'cost' | 'leavesEarly'>> {
  const cost = await measureCost(model, { shapes });
  const { model: whole, isFlat } = await formOf(model);
  if (!isFlat) return { cost, leavesEarly: false };
  const { macs, unknown, operators } = await measureCost(whole, { shapes });
  const macsOf = (type: string) => operators.find((one) => one.type === type)?.macs ?? 0;
  const counted = cost.operators.map((one) => ({ ...one, macs: macsOf(one.type) }));
  return { cost: { ...cost, macs, unknown, operators: counted.sort((a, b) => b.macs - a.macs) }, leavesEarly: true };
}
