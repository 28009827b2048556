import { inferValueTypes, type ValueFacts } from '../../analysis/value-types.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { type DataType, dataTypeOf, isFloat } from '../../ir/types.js';
import { upgradeRow } from './table.js';

/** Types of values, as far as they are known. */
export interface KnownTypes {
  byName: ReadonlyMap<string, ValueFacts>;
  /** The one float type that occurs in the model: whatever is float has it. */
  soleFloat: DataType | undefined;
}

/**
 * Types of values before an upgrade, where one of its rows asks for them: as inferred for the main graph, as recorded
 * for subgraphs.
 */
export async function typesForUpgrade(model: Model, target: number): Promise<KnownTypes> {
  const byName = new Map<string, ValueFacts>();
  if (!asksForTypes(model, target)) return { byName, soleFloat: undefined };
  for (const graph of model.graph.walk())
    for (const info of [...graph.valueInfos.values(), ...graph.inputs, ...graph.outputs])
      if (info.type?.kind === 'tensor') byName.set(info.name, { type: info.type.elem, dims: info.type.shape });
  for (const [name, facts] of await inferValueTypes(model)) byName.set(name, facts);
  return { byName, soleFloat: soleFloatType(model, byName.values()) };
}

function asksForTypes(model: Model, target: number): boolean {
  for (const graph of model.graph.walk())
    for (const node of graph.nodes)
      for (let version = model.opset + 1; version <= target; version++)
        if (upgradeRow(node.type, version)?.needsTypes) return true;
  return false;
}

function soleFloatType(model: Model, known: Iterable<ValueFacts>): DataType | undefined {
  const floats = new Set<DataType>();
  const see = (type: DataType | undefined) => {
    if (type && isFloat(type)) floats.add(type);
  };
  for (const { type } of known) see(type);
  for (const graph of model.graph.walk()) {
    for (const tensor of graph.initializers.values()) see(tensor.type);
    for (const node of graph.nodes) for (const type of namedTypes(node)) see(type);
  }
  return floats.size === 1 ? [...floats][0] : undefined;
}

/** Operators that make float32 where no attribute says otherwise. */
const FLOAT32_BY_DEFAULT = new Set(['ConstantOfShape', 'RandomNormal', 'RandomUniform']);

function namedTypes(node: Node): (DataType | undefined)[] {
  const types = ['to', 'dtype'].map((name) => dataTypeOf(node.int(name, 0)));
  for (const attribute of node.attributes.values()) if (attribute.kind === 'tensor') types.push(attribute.value.type);
  return FLOAT32_BY_DEFAULT.has(node.type) && !types.some(Boolean) ? ['float32'] : types;
}
