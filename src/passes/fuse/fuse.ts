import { inferValueTypes } from '../../analysis/value-types.js';
import type { Node } from '../../ir/node.js';
import type { Pass } from '../pass.js';
import { gelu } from './gelu.js';
import { layerNormalization } from './layer-normalization.js';
import { Neighbourhood } from './neighbourhood.js';

/**
 * Finds the pattern around a node: the node at its end, and the one that takes its place and makes its output. Undefined
 * where it is not there, or where other nodes need what the pattern computes on the way.
 */
export type FuseRow = (node: Node, around: Neighbourhood) => readonly [end: Node, fused: Node] | undefined;

/** Patterns that one operator computes at once, by the operator that stands in their middle. */
const PATTERNS: Readonly<Record<string, FuseRow>> = { Erf: gelu, Sqrt: layerNormalization };

/** Operator set that LayerNormalization came with. */
const OPSET = 17;

/**
 * Writes activations and normalizations that an exporter took apart as one operator again, in the main graph. Weights keep
 * their names; constant or not, they may be anything.
 */
export const fuse: Pass = {
  name: 'fuse',
  description: 'Gelu and layer normalization in parts become one operator',
  async run(model) {
    const { graph } = model;
    const middles = graph.nodes.filter(({ type }) => type in PATTERNS);
    if (!middles.length || model.opset < OPSET) return { changed: 0 };
    const around = new Neighbourhood(model, await inferValueTypes(model));
    const replacements = new Map<Node, Node>();
    for (const node of middles) {
      const [end, fused] = PATTERNS[node.type]!(node, around) ?? [];
      if (!end || !fused || !around.isFloat32(fused.inputs[0]!)) continue;
      fused.name = end.name;
      replacements.set(end, fused);
      if (fused.domain && !model.opsets.has(fused.domain)) model.opsets.set(fused.domain, 1);
    }
    graph.nodes = graph.nodes.map((node) => replacements.get(node) ?? node);
    return { changed: replacements.size };
  },
};
