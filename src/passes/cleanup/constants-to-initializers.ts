import { constantValue } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
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
        const tensor = node.type === 'Constant' && name && !outputs.has(name) ? constantValue(node) : undefined;
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
