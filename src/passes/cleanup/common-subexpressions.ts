import type { Graph } from '../../ir/graph.js';
import type { Attribute, Node } from '../../ir/node.js';
import { isDeterministic } from '../../ops/determinism.js';
import type { Pass } from '../pass.js';
import { contentHash } from './deduplicate-initializers.js';

/** Runtimes expect quantization steps beside every operator they belong to, equal or not. */
const KEPT = new Set(['QuantizeLinear', 'DequantizeLinear', 'Constant']);

/** Nodes that compute the same from the same values become one. */
export const commonSubexpressions: Pass = {
  name: 'common-subexpressions',
  description: 'What is computed twice from the same values is computed once',
  run(model) {
    let changed = 0;
    for (const graph of model.graph.walk()) {
      graph.sort();
      changed += merge(graph);
    }
    return { changed };
  },
};

function merge(graph: Graph): number {
  const fixed = new Set(graph.outputs.map((output) => output.name));
  const first = new Map<string, Node>();
  const replacements = new Map<string, string>();
  const gone = new Set<Node>();
  for (const node of graph.nodes) {
    if (KEPT.has(node.type) || node.subgraphs().length || !isDeterministic(node)) continue;
    const key = keyOf(node, replacements);
    const twin = key === undefined ? undefined : first.get(key);
    if (twin && !node.outputs.some((output) => fixed.has(output))) {
      for (const [i, output] of node.outputs.entries()) if (output) replacements.set(output, twin.outputs[i]!);
      gone.add(node);
    } else if (key !== undefined && !twin) first.set(key, node);
  }
  graph.removeNodes(gone);
  graph.replaceAllUses(replacements);
  return gone.size;
}

/**
 * Text that is equal for nodes that compute the same; undefined where an attribute cannot be compared.
 * @param replacements names under which the node's inputs are known.
 * @param bodyText tells graphs in attributes apart; they cannot be compared where absent.
 */
export function keyOf(
  node: Node,
  replacements: ReadonlyMap<string, string>,
  bodyText?: (body: Graph) => string,
): string | undefined {
  const attributes: string[] = [];
  for (const [name, attribute] of node.attributes) {
    const text = attribute.kind === 'graph' ? bodyText?.(attribute.value) : attributeText(attribute);
    if (text === undefined) return undefined;
    attributes.push(`${name}=${text}`);
  }
  const inputs = node.inputs.map((input) => replacements.get(input) ?? input);
  const outputs = node.outputs.map((output) => Number(output !== ''));
  return JSON.stringify([node.type, inputs, outputs, attributes.sort()]);
}

function attributeText(attribute: Attribute): string | undefined {
  switch (attribute.kind) {
    case 'tensor':
      return `${attribute.value.type}[${attribute.value.dims}]${contentHash(attribute.value)}`;
    case 'string':
      return Buffer.from(attribute.value).toString('hex');
    case 'strings':
      return attribute.value.map((text) => Buffer.from(text).toString('hex')).join();
    case 'floats':
    case 'ints':
      return `${attribute.kind}${attribute.value.join()}`;
    case 'float':
    case 'int':
      return `${attribute.kind}${attribute.value}`;
    default:
      return undefined;
  }
}
