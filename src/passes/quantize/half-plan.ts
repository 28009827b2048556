import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { halfRow } from '../../ops/half.js';
import { float32Nodes, type HalfOptions } from './half.js';
import { halfLoss } from './half-constants.js';
import { type Candidate, keyOf, type Plan, type Treatment } from './plan.js';

/** What becomes of a model in float16. */
export interface HalfPlan {
  plan: Plan;
  /** Why candidates are not computed in float16, by key. */
  reasons: Map<string, string>;
  /** Every node that stays in float32, with the reason. */
  kept: ReadonlyMap<Node, string>;
}

/** Plans float16 for the whole of a model but what cannot be computed in it, or shall not. */
export function planHalf(model: Model, candidates: readonly Candidate[], options: HalfOptions): HalfPlan {
  const kept = float32Nodes(model, options);
  const reasons = new Map<string, string>();
  const plan = new Map<string, Treatment>();
  for (const { key, node } of candidates) {
    const reason = kept.get(node);
    if (reason === undefined) plan.set(key, 'fp16');
    else {
      const stored = !options.keep?.(node) && canBeStored(model, node, options);
      plan.set(key, stored ? 'fp16-storage' : 'float');
      reasons.set(key, stored ? `weights stored as float16, computed in float32: ${reason}` : reason);
    }
  }
  for (const node of kept.keys()) if (options.keep?.(node)) plan.set(keyOf(node), 'float');
  return { plan, reasons, kept };
}

/** True where the operator alone keeps a node in float32: then its weights may still be small. */
function canBeStored(model: Model, node: Node, { target }: HalfOptions): boolean {
  if (!halfRow(node, model.opset, target).storesHalf) return false;
  return node.inputs.every((name, input) => {
    const constant = model.graph.initializers.get(name);
    return constant?.type !== 'float32' || !halfLoss(constant, node, input);
  });
}
