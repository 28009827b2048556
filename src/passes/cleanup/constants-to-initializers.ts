import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { Pass } from '../pass.js';
import { allowPlainInitializers } from './initializers-out-of-inputs.js';

/**
 * Constant nodes become initializers, in the main graph and in subgraphs. Those that make a graph's output stay, as do
 * sparse ones.
 */
export const constantsToInitializers: Pass = {
  name: 'constants-to-initializers',
  description: 'Constant nodes become initializers',
  run(model) {
    let changed = 0;
    for (const graph of model.graph.walk()) {
      const outputs = new Set(graph.outputs.map((output) => output.name));
      const gone = new Set<Node>();
      for (const node of graph.nodes) {
        const name = node.outputs[0];
        const tensor = node.type === 'Constant' && name && !outputs.has(name) ? constantOf(node, name) : undefined;
        if (!tensor) continue;
        graph.initializers.set(tensor.name, tensor);
        gone.add(node);
      }
      graph.removeNodes(gone);
      changed += gone.size;
    }
    if (changed) allowPlainInitializers(model);
    return { changed };
  },
};

/** The tensor in any of the forms a Constant node has (operator set 12: `value_float`, `value_ints` …). */
function constantOf(node: Node, name: string): Tensor | undefined {
  const [attribute] = node.attributes.values();
  switch (attribute?.kind) {
    case 'tensor':
      return attribute.value.renamed(name);
    case 'float':
      return Tensor.from(name, 'float32', [], [attribute.value]);
    case 'floats':
      return Tensor.from(name, 'float32', [attribute.value.length], attribute.value);
    case 'int':
      return Tensor.of(name, 'int64', [], BigInt64Array.of(attribute.value));
    case 'ints':
      return Tensor.of(name, 'int64', [attribute.value.length], BigInt64Array.from(attribute.value));
    case 'string':
      return new Tensor(name, 'string', [], { strings: [attribute.value] });
    case 'strings':
      return new Tensor(name, 'string', [attribute.value.length], { strings: attribute.value });
    default:
      return undefined;
  }
}
