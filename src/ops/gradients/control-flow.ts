import { Emitter } from '../../ir/emitter.js';
import type { Graph } from '../../ir/graph.js';
import { cloneGraph } from '../../ir/model.js';
import { repeated } from './repeated.js';
import type { GradientRow, Site } from './site.js';

/**
 * The gradient of If is an If over the same condition. Its branches do the forward branches again, which costs less than
 * to hand out all their values, and go on with the backward pass.
 */
const conditional: GradientRow = (site) => {
  const { g, node } = site;
  const wanted = site.bodies.wanted;
  const branches = Object.fromEntries(
    ['then_branch', 'else_branch'].map((name) => {
      const attribute = node.attributes.get(name);
      if (attribute?.kind !== 'graph') return site.refuse(`it has no ${name}`);
      return [name, { kind: 'graph' as const, value: backwardBranch(site, attribute.value, wanted) }];
    }),
  );
  const gradients = g.ops('If', [site.x], branches, wanted.length);
  for (const [k, name] of wanted.entries()) site.bodies.give(name, gradients[k]!);
};

/** A copy of a branch that gives the gradients of captured values in place of its outputs. */
function backwardBranch(site: Site, branch: Graph, wanted: readonly string[]): Graph {
  const graph = cloneGraph(branch);
  const g = new Emitter(site.g.model, site.g.prefix, graph.nodes);
  const targets = new Map<string, string>();
  for (const [k, { name }] of graph.outputs.entries()) {
    const upstream = site.gradientOf(k);
    if (upstream) targets.set(g.op('Identity', [name]), upstream);
  }
  const gradients = site.bodies.differentiate(graph, targets, wanted);
  const end = new Emitter(site.g.model, site.g.prefix, graph.nodes);
  graph.outputs = wanted.map((name) => {
    const gradient = gradients.get(name);
    const output = gradient ? end.op('Identity', [gradient]) : end.op('Expand', [0, end.shape(name)]);
    return { name: output, type: { kind: 'tensor', elem: 'float32' } };
  });
  graph.valueInfos.clear();
  return graph;
}

/** Operators with bodies. */
export const controlFlow: Record<string, GradientRow> = {
  If: conditional,
  Loop: repeated,
  Scan: repeated,
};
