import { type CostOptions, type ModelCost, measureCost } from '../../analysis/cost.js';
import { inferValueTypes } from '../../analysis/value-types.js';
import { sumOf } from '../../group.js';
import type { ValueInfo } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { byteLength, elementCount } from '../../ir/types.js';
import type { StageCosts } from './stages.js';

/** Costs by which a model is cut, and what they were counted from. */
export interface SplitCosts extends StageCosts {
  cost: ModelCost;
  /** Multiply-accumulates of a node, as far as they are known. */
  macs(node: Node): number;
  /** Bytes of a value for one run; undefined where its shape is unknown. */
  bytes(value: string): number | undefined;
  /** How a value is declared where it is handed over. */
  typeOf(value: string): ValueInfo['type'];
}

/** Multiply-accumulates that a core does while an element is read and written, and while a byte goes to another core. */
const [ELEMENT, BYTE] = [8, 50];
/** Bytes that a value of unknown size is taken for. */
const UNKNOWN = 1e6;

/** Counts what nodes cost, and what it costs to hand values over, in multiply-accumulates. */
export async function splitCosts(model: Model, options: CostOptions): Promise<SplitCosts> {
  const cost = await measureCost(model, options);
  const facts = await inferValueTypes(model);
  const bytes = (value: string) => {
    const known = facts.get(value);
    const sizes = cost.values.get(value) ?? (known?.dims?.length ? undefined : known?.dims);
    return known && sizes && byteLength(known.type, elementCount(sizes as number[]));
  };
  const macs = ({ outputs }: Node) => cost.nodes.get(outputs.find(Boolean) ?? '') ?? 0;
  return {
    cost,
    macs,
    bytes,
    node: (node) => macs(node) + ELEMENT * sumOf(node.outputs, (output) => elementCount(cost.values.get(output) ?? [])),
    transfer: (value) => (facts.has(value) ? BYTE * (bytes(value) ?? UNKNOWN) : undefined),
    typeOf: (value) => {
      const { type, dims } = facts.get(value)!;
      return { kind: 'tensor', elem: type, shape: dims };
    },
  };
}
