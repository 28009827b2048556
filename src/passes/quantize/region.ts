import type { Graph, GraphIndex } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { activationInputs, STATIC_QUANTIZATION } from '../../ops/quantization.js';

/** The nodes that will run on integers, and how values lie between them. */
export interface StaticRegion {
  /** Nodes with integer inputs. */
  nodes: ReadonlySet<Node>;
  /** Clamps (Relu, Clip) that vanish into the QuantizeLinear behind them, by the node they follow. */
  clamps: ReadonlyMap<Node, Node>;
  /** The value that stands for a node's result: its clamp's output where one follows. */
  result(node: Node, output?: number): string;
}

/**
 * Grows the integer region from the anchors: followers and carriers join where an input comes from an integer node and
 * someone behind them takes integers, so that no node pays for a conversion that nobody needs.
 * @param anchors nodes that shall run on integers.
 * @param float32 tells which values are finite float32 tensors; others never become integers.
 */
export function growRegion(
  model: Model,
  anchors: ReadonlySet<Node>,
  float32: (value: string) => boolean,
): StaticRegion {
  const { graph } = model;
  const index = graph.index();
  const nodes = new Set<Node>(anchors);
  for (const node of graph.nodes) if (mayJoin(model, node, float32)) nodes.add(node);
  const clamps = new Map<Node, Node>();
  const result = (node: Node, output = 0) => clamps.get(node)?.outputs[0] ?? node.outputs[output]!;
  for (let changed = true; changed; ) {
    changed = false;
    findClamps(index, nodes, clamps);
    const integer = integerValues(nodes, clamps);
    for (const node of nodes) {
      if (anchors.has(node)) continue;
      const row = STATIC_QUANTIZATION[node.type]!;
      const fed = activationInputs(node, row).some((i) => integer.has(node.inputs[i]!));
      const wanted = node.outputs.some((_, k) =>
        (index.consumers.get(result(node, k)) ?? []).some((consumer) => nodes.has(consumer)),
      );
      if (fed && wanted) continue;
      nodes.delete(node);
      changed = true;
    }
  }
  return { nodes, clamps, result };
}

function mayJoin(model: Model, node: Node, float32: (value: string) => boolean): boolean {
  const row = STATIC_QUANTIZATION[node.type];
  if (!row || row.role === 'anchor' || row.role === 'clamp' || model.opset < (row.opset ?? 0)) return false;
  const constantInput = (name: string) => model.graph.initializers.has(name);
  if (row.role === 'carrier' && constantInput(node.inputs[0]!)) return false;
  return (
    activationInputs(node, row).every((i) => float32(node.inputs[i]!)) &&
    node.outputs.every((output) => !output || float32(output))
  );
}

function findClamps(index: GraphIndex, nodes: ReadonlySet<Node>, clamps: Map<Node, Node>): void {
  clamps.clear();
  for (const node of nodes) {
    const clamp = clampBehind(index, node);
    if (clamp) clamps.set(node, clamp);
  }
}

/** The Relu or Clip that alone takes a node's result, and so vanishes into the QuantizeLinear behind it. */
export function clampBehind(index: GraphIndex, node: Node): Node | undefined {
  const [output] = node.outputs as [string];
  if (STATIC_QUANTIZATION[node.type]?.role === 'carrier' || node.outputs.length !== 1 || index.outputs.has(output))
    return undefined;
  const [next, ...more] = index.consumers.get(output) ?? [];
  const isClamp = next && STATIC_QUANTIZATION[next.type]?.role === 'clamp' && next.inputs[0] === output;
  return isClamp && !more.length ? next : undefined;
}

function integerValues(nodes: ReadonlySet<Node>, clamps: ReadonlyMap<Node, Node>): Set<string> {
  const values = new Set<string>();
  for (const node of nodes) for (const output of (clamps.get(node) ?? node).outputs) if (output) values.add(output);
  return values;
}

/** Values whose ranges an integer region needs: everything its nodes take or make. */
export function regionValues(graph: Graph, region: StaticRegion): Set<string> {
  const values = new Set<string>();
  for (const node of region.nodes) {
    const row = STATIC_QUANTIZATION[node.type]!;
    for (const i of activationInputs(node, row))
      if (!graph.initializers.has(node.inputs[i]!)) values.add(node.inputs[i]!);
    node.outputs.forEach((output, k) => {
      if (output) values.add(region.result(node, k));
    });
  }
  return values;
}
