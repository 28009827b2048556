import { type Graph, usedValues } from '../ir/graph.js';
import type { Node } from '../ir/node.js';

/**
 * The order in which ONNX Runtime's sequential executor runs the nodes of a graph: depth first, backwards from the last node
 * that nothing follows, of the inputs of a node those that come last in the file first (GraphViewer, default order). Nodes
 * that its optimizer makes come last in it; they are not foreseen here.
 */
export function executionOrder(graph: Graph): Node[] {
  const { producer, consumers } = graph.index();
  const place = new Map(graph.nodes.map((node, k) => [node, k]));
  const isLast = ({ outputs }: Node) => !outputs.some((name) => consumers.has(name));
  const stack = graph.nodes.filter(isLast).map((node) => ({ node, isReady: false }));
  const seen = new Set<Node>();
  const order: Node[] = [];
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, isReady } = top;
    if (isReady) order.push(node);
    if (isReady || seen.has(node)) continue;
    seen.add(node);
    stack.push({ node, isReady: true });
    const sources = [...usedValues(node)].flatMap((name) => producer.get(name) ?? []);
    sources.sort((a, b) => place.get(a)! - place.get(b)!);
    for (const source of new Set(sources)) if (!seen.has(source)) stack.push({ node: source, isReady: false });
  }
  return order;
}
