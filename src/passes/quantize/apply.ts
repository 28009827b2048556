import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import type { HalfTarget } from '../../ops/half.js';
import { gemmsToMatMuls } from '../cleanup/index.js';
import type { ValueStatistics } from './calibrate.js';
import { quantizeMatMulsDynamically } from './dynamic.js';
import { quantizeToFourBits } from './four-bit.js';
import { convertToHalf } from './half.js';
import { isFiniteRange, type Range, rangeOf } from './integers.js';
import { type Candidate, keyOf, loopWeights, type Plan, surveyModel, type Treatment } from './plan.js';
import { type CalibrationMethod, chooseRange } from './ranges.js';
import { quantizeLstms } from './recurrent.js';
import { growRegion, regionValues, type StaticRegion } from './region.js';
import { insertQdq, type StaticOptions } from './static.js';
import { quantizeEmbeddings, type StoredWeight, storeAsHalf, storeAsInt8 } from './storage.js';

/** How a plan is carried out. */
export interface Settings {
  calibrationMethod: CalibrationMethod;
  perChannel: boolean;
  /** Activations symmetric around the zero point. */
  symmetric: boolean;
  /** Seven-bit weights, for processors without VNNI (ORT#5849). */
  reduceRange: boolean;
  /** Rows that share a scale in 4-bit weights. */
  blockSize: number;
  /** Provider that `fp16` computes on. */
  halfTarget?: HalfTarget | undefined;
}

/** What applying a plan needs to know of the model. */
export interface ModelFacts {
  /** Tells which values are float32 tensors. */
  isFloat32(value: string): boolean;
  /** Tells which values are float16 tensors; none where absent. */
  isFloat16?(value: string): boolean;
  statistics: ReadonlyMap<string, ValueStatistics>;
}

/** Carries out a plan on a copy of `base`. */
export function applyPlan(base: Model, plan: Plan, facts: ModelFacts, settings: Settings): Model {
  const model = base.clone();
  const { candidates } = surveyModel(model);
  const chosen = (treatment: Treatment) => candidates.filter((c) => plan.get(c.key) === treatment);
  const nodesOf = (list: readonly Candidate[]) => new Set(list.map((c) => c.node));

  const region = staticRegion(model, plan, facts);
  insertQdq(model, region, staticOptions(facts, settings));

  const dynamic = chosen('dynamic');
  const dense = nodesOf(dynamic.filter((c) => c.family === 'dense'));
  quantizeMatMulsDynamically(model, asMatMuls(model, dense), { ...settings, weightLimit: weightLimit(settings) });
  quantizeLstms(model, nodesOf(dynamic.filter((c) => c.family === 'recurrent')), settings);

  const stored = chosen('int8-storage');
  quantizeEmbeddings(model, nodesOf(stored.filter((c) => c.family === 'embedding')));
  storeAsInt8(
    model,
    stored.filter((c) => c.family !== 'embedding').flatMap(({ node }) => storedWeights(model, node)),
  );
  quantizeToFourBits(model, asMatMuls(model, nodesOf(chosen('int4'))), settings.blockSize);
  storeAsHalf(model, new Set(chosen('fp16-storage').flatMap(({ node }) => floatWeights(model, node))));
  removeUnused(model);
  if (chosen('fp16').length) computeInHalf(model, plan, facts, settings);
  return model;
}

/** Largest integer of weights that integer kernels multiply. */
const weightLimit = ({ reduceRange }: Settings) => (reduceRange ? 63 : 127);

/** How an integer region is written. */
export function staticOptions({ statistics }: ModelFacts, settings: Settings): StaticOptions {
  const ranges = new Map(
    [...statistics].map(([value, seen]) => [value, chooseRange(seen, settings.calibrationMethod)]),
  );
  return { ranges, weightLimit: weightLimit(settings), ...settings };
}

/** The integer region that a plan gives in `model`; before calibration, every range counts as finite. */
export function staticRegion(
  model: Model,
  plan: Plan,
  { isFloat32, statistics }: Pick<ModelFacts, 'isFloat32'> & Partial<ModelFacts>,
): StaticRegion {
  const anchors = new Set(
    surveyModel(model)
      .candidates.filter((c) => plan.get(c.key) === 'static')
      .map((c) => c.node),
  );
  // Masks of -infinity have no scale.
  const isBounded = (value: string) => isFiniteRange(statistics?.get(value) ?? constantRange(model, value));
  return growRegion(model, anchors, (value) => isFloat32(value) && isBounded(value));
}

function constantRange(model: Model, value: string): Range {
  const constant = model.graph.initializers.get(value);
  return constant ? rangeOf(constant.toFloats()) : { low: 0, high: 0 };
}

/** Values whose ranges a plan needs. */
export function calibratedValues(model: Model, plan: Plan, facts: Pick<ModelFacts, 'isFloat32'>): string[] {
  return [...regionValues(model.graph, staticRegion(model, plan, facts))];
}

/** Weight inputs of each operator and the axis of their scales. */
const STORED: Readonly<
  Record<string, (node: Node) => { inputs: readonly number[]; axis(rank: number): number | undefined }>
> = {
  Conv: () => ({ inputs: [1], axis: () => 0 }),
  ConvTranspose: (node) => ({ inputs: [1], axis: () => (node.int('group', 1) === 1 ? 1 : undefined) }),
  Gemm: (node) => ({ inputs: [1], axis: () => (node.int('transB', 0) ? 0 : 1) }),
  MatMul: () => ({ inputs: [1], axis: (rank) => rank - 1 }),
  LSTM: () => ({ inputs: [1, 2], axis: () => 1 }),
  GRU: () => ({ inputs: [1, 2], axis: () => 1 }),
  RNN: () => ({ inputs: [1, 2], axis: () => 1 }),
  Loop: (node) => ({ inputs: loopWeights(node), axis: () => 1 }),
  Gather: () => ({ inputs: [0], axis: () => undefined }),
};

/** How a weight of a node is rounded to integers: symmetrically, up to the largest magnitude. */
export interface RoundedWeight extends StoredWeight {
  /** Largest integer. */
  limit: number;
  /** The weight is taken for a matrix of so many rows, with a scale each; `axis` says nothing then. */
  rows?: number;
}

/** The weights that a plan rounds to int8 outside of the integer region, but for embedding tables. */
export function roundedWeights(model: Model, plan: Plan, settings: Settings): RoundedWeight[] {
  const { perChannel } = settings;
  return surveyModel(model).candidates.flatMap(({ node, key, family }) => {
    const treatment = plan.get(key);
    if (family === 'embedding' || (treatment !== 'dynamic' && treatment !== 'int8-storage')) return [];
    return storedWeights(model, node).map((weight): RoundedWeight => {
      if (treatment === 'int8-storage') return { ...weight, limit: 127 };
      if (family !== 'recurrent')
        return { ...weight, limit: weightLimit(settings), axis: perChannel ? weight.axis : undefined };
      const [directions, gates] = model.graph.initializers.get(node.inputs[weight.input]!)!.dims as [number, number];
      return { ...weight, limit: 127, rows: perChannel ? directions * gates : directions };
    });
  });
}

function storedWeights(model: Model, node: Node): StoredWeight[] {
  const row = STORED[node.type]!(node);
  return row.inputs.flatMap((input) => {
    const constant = model.graph.initializers.get(node.inputs[input]!);
    return constant ? [{ node, input, axis: row.axis(constant.dims.length) }] : [];
  });
}

function floatWeights(model: Model, node: Node): string[] {
  const names = STORED[node.type]!(node).inputs.map((input) => node.inputs[input]!);
  return names.filter((name) => model.graph.initializers.has(name));
}

function computeInHalf(model: Model, plan: Plan, facts: ModelFacts, settings: Settings): void {
  convertToHalf(model, {
    ...facts,
    target: settings.halfTarget ?? 'cuda',
    keep: (node) => (plan.get(keyOf(node)) === 'float' ? 'put back to float32' : undefined),
  });
}

/** Takes away constants that no node takes, and recorded types of values that are no longer there. */
function removeUnused(model: Model): void {
  const { graph } = model;
  const { consumers, outputs, producer } = graph.index();
  for (const name of graph.initializers.keys())
    if (!consumers.has(name) && !outputs.has(name)) graph.initializers.delete(name);
  for (const name of graph.valueInfos.keys())
    if (!producer.has(name) && !graph.initializers.has(name)) graph.valueInfos.delete(name);
}

/** The nodes with MatMul and Add in place of Gemm. */
function asMatMuls(model: Model, nodes: ReadonlySet<Node>): Set<Node> {
  const replaced = gemmsToMatMuls(model, (node) => nodes.has(node));
  return new Set([...nodes].map((node) => replaced.get(node) ?? node));
}
