import { UserError } from '../errors.js';
import { sumOf } from '../group.js';
import type { Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import type { NamedValues } from '../ir/types.js';
import { encodeModel } from '../onnx/write.js';
import { MACS } from '../ops/cost.js';
import { Session } from '../runtime/session.js';
import { exampleInputs, exampleShapes, type GivenShapes } from './example-inputs.js';
import { inferFixedShapes } from './fixed-shapes.js';
import { type ConstantUse, constantUses } from './parameters.js';

/** What all nodes of one operator type hold and compute. */
export interface OperatorCost {
  type: string;
  count: number;
  /** Trained numbers, and bytes of all constants, scales and shapes included. */
  parameters: number;
  bytes: number;
  /** Multiply-accumulates as far as they are known. */
  macs: number;
}

/** What a model holds and computes. */
export interface ModelCost {
  parameters: number;
  /** Bytes of all constants. */
  bytes: number;
  /** Multiply-accumulates of one run on the shapes below, as far as they are known. */
  macs: number;
  /** By operator type, costliest first; operators in subgraphs are counted once. */
  operators: OperatorCost[];
  /** Multiply-accumulates of the main graph's nodes that have some, by first output. */
  nodes: Map<string, number>;
  /** The input shapes that costs are counted on. */
  shapes: Map<string, readonly number[]>;
  /** Shapes of the main graph's values on those, as far as they are known; scalars are left out. */
  values: ReadonlyMap<string, readonly number[]>;
  /** Nodes whose multiply-accumulates are unknown, and why. */
  unknown: { node: string; type: string; reason: string }[];
}

/** On what a model's cost is counted. */
export interface CostOptions {
  /** Values of the inputs; made up where absent. */
  feeds?: NamedValues | undefined;
  /** Shapes for inputs and sizes for symbols, where inputs are made up. */
  shapes?: GivenShapes | undefined;
}

type Shapes = Map<string, readonly number[]>;

/**
 * Counts parameters, bytes and multiply-accumulates of a model. Shapes are inferred from concrete input shapes; where
 * that leaves one open which a cost depends on, the model is run once and the shapes are read off.
 * @throws UserError where a given shape does not fit the model.
 */
export async function measureCost(model: Model, { feeds, shapes: given }: CostOptions = {}): Promise<ModelCost> {
  const inputs: Shapes = feeds
    ? new Map(Object.entries(feeds).map(([name, { dims }]) => [name, dims]))
    : exampleShapes(model, given);
  const shapes = await inferShapes(model, inputs);
  const open = model.graph.nodes.filter((node) => MACS[node.type] && macsOf(node, shapes) === undefined);
  const failure = open.length
    ? await runForShapes(model, open, shapes, () => feeds ?? exampleInputs(model, given))
    : '';
  const uses = constantUses(model);
  const macs = countMacs(model, shapes, failure);
  return {
    parameters: sumOf(uses, (use) => use.parameters),
    bytes: sumOf(uses, (use) => use.tensor.byteLength),
    operators: byOperator(model, uses, macs.nodes),
    ...macs,
    shapes: inputs,
    values: shapes,
  };
}

function macsOf(node: Node, shapes: Shapes): number | undefined {
  const shape = (name: string | undefined) => (name ? shapes.get(name) : undefined);
  return MACS[node.type]!({
    node,
    input: (position) => shape(node.inputs[position]),
    output: (position) => shape(node.outputs[position]),
  });
}

/**
 * Shapes that follow from the inputs' shapes without running anything. Scalars are left out: ONNX Runtime reports
 * values of unknown rank alike, and no cost depends on them.
 */
async function inferShapes(model: Model, inputs: Shapes): Promise<Shapes> {
  const facts = await inferFixedShapes(model, inputs);
  const shapes: Shapes = new Map();
  for (const [name, { dims }] of facts)
    if (dims?.length && dims.every((dim) => typeof dim === 'number')) shapes.set(name, dims as number[]);
  return shapes;
}

/** Runs the model for the shapes around some nodes, and adds them to those known. Returns why it could not. */
async function runForShapes(
  model: Model,
  nodes: readonly Node[],
  shapes: Shapes,
  feeds: () => NamedValues,
): Promise<string> {
  const wanted = new Set(nodes.flatMap((node) => [...node.inputs, ...node.outputs]));
  const probe = model.clone();
  const outputs = new Map<string, string>();
  for (const value of wanted) {
    if (!value || shapes.has(value)) continue;
    const shape = probe.freshName(`${value}_shape`);
    outputs.set(shape, value);
    probe.graph.nodes.push(new Node({ op: 'Shape', inputs: [value], outputs: [shape] }));
  }
  probe.graph.outputs = [...outputs.keys()].map((name) => ({ name, type: { kind: 'tensor', elem: 'int64' } }));
  try {
    const results = await Session.runOnce(encodeModel(probe), feeds(), { optimization: 'disabled' });
    for (const [name, { data }] of Object.entries(results))
      shapes.set(outputs.get(name)!, Array.from(data as BigInt64Array, Number));
    return '';
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function countMacs(model: Model, shapes: Shapes, failure: string): Pick<ModelCost, 'macs' | 'nodes' | 'unknown'> {
  const nodes = new Map<string, number>();
  const unknown: ModelCost['unknown'] = [];
  const functions = new Set(model.functions.map(({ domain, name }) => (domain ? `${domain}.${name}` : name)));
  for (const graph of model.graph.walk())
    for (const node of graph.nodes) {
      const miss = (reason: string) => unknown.push({ node: node.label, type: node.type, reason });
      if (functions.has(node.type)) miss("the bodies of the model's functions are not counted");
      else if (!MACS[node.type]) continue;
      else if (graph !== model.graph) miss('it lies inside an If, Loop or Scan');
      else {
        const macs = macsOf(node, shapes);
        if (macs === undefined) miss(failure || 'its shapes are unknown');
        else nodes.set(node.outputs.find(Boolean) ?? '', macs);
      }
    }
  return { macs: sumOf(nodes.values(), (macs) => macs), nodes, unknown };
}

function byOperator(model: Model, uses: readonly ConstantUse[], nodes: ReadonlyMap<string, number>): OperatorCost[] {
  const costs = new Map<string, OperatorCost>();
  const of = (type: string): OperatorCost => {
    const cost = costs.get(type) ?? { type, count: 0, parameters: 0, bytes: 0, macs: 0 };
    costs.set(type, cost);
    return cost;
  };
  for (const graph of model.graph.walk())
    for (const node of graph.nodes) {
      const cost = of(node.type);
      cost.count++;
      if (graph === model.graph) cost.macs += nodes.get(node.outputs.find(Boolean) ?? '') ?? 0;
    }
  for (const { consumer, parameters, tensor } of uses) {
    if (!consumer) continue;
    const cost = of(consumer.type);
    cost.parameters += parameters;
    cost.bytes += tensor.byteLength;
  }
  return [...costs.values()].sort((a, b) => b.macs - a.macs || b.parameters - a.parameters || b.count - a.count);
}
