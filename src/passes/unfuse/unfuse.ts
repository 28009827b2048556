import { inferValueTypes, type ValueFacts } from '../../analysis/value-types.js';
import { Emitter } from '../../ir/emitter.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import type { Pass } from '../pass.js';
import { attention } from './attention.js';
import { Fused, StaysFused, type UnfuseRow } from './fused.js';
import { layers } from './layers.js';
import { normalization } from './normalization.js';

/** Fused operators of ONNX Runtime (its ContribOperators.md) that can be written in standard ones, by type. */
export const UNFUSE: Readonly<Record<string, UnfuseRow>> = { ...layers, ...normalization, ...attention };

/** Operator set that the standard operators are written in. */
const OPSET = 18;

/**
 * Writes fused operators of ONNX Runtime as standard ones of operator set 18 and newer, so that what knows only those
 * (gradients, other runtimes) can work with them. Weights stay as they are, under their names.
 * @param keeps operator types that stay fused.
 */
export function unfuse(keeps: (type: string) => boolean = () => false): Pass {
  return {
    name: 'unfuse',
    description: "ONNX Runtime's fused operators become standard ones",
    async run(model) {
      const isFused = (node: Node) => node.type in UNFUSE && !keeps(node.type);
      const graphs = [...model.graph.walk()];
      if (!graphs.some((graph) => graph.nodes.some(isFused))) return { changed: 0 };
      if (model.opset < OPSET) return { changed: 0, notes: [`fused operators stay: they need operator set ${OPSET}`] };
      const facts = await inferValueTypes(model);
      const notes: string[] = [];
      let changed = 0;
      for (const graph of graphs)
        graph.nodes = graph.nodes.flatMap((node) => {
          const written = isFused(node) ? writeStandard(model, node, facts) : [node];
          if (typeof written === 'string') notes.push(written);
          else if (written[0] !== node) changed++;
          return typeof written === 'string' ? [node] : written;
        });
      return { changed, notes };
    },
  };
}

/** The nodes that stand for a fused one, or why it stays. */
function writeStandard(model: Model, node: Node, facts: ReadonlyMap<string, ValueFacts>): Node[] | string {
  const nodes: Node[] = [];
  const g = new Emitter(model, node.label, nodes);
  try {
    const fused = new Fused(node, g, facts);
    const type = facts.get(node.outputs[0]!)?.type;
    if (type && type !== 'float32') fused.refuse(`it computes in ${type}`);
    const values = UNFUSE[node.type]!(fused);
    for (const [k, output] of node.outputs.entries()) {
      const value = values[k];
      if (output && !value) fused.refuse(`its output ${k} has no equal`);
      if (output) g.rename(value!, output);
    }
    return nodes;
  } catch (error) {
    if (error instanceof StaysFused) return `${node.label} (${node.type}) stays fused: ${error.message}`;
    throw error;
  }
}
