import { inferValueTypes } from '../../analysis/value-types.js';
import { DATA_TYPES } from '../../ir/types.js';
import type { Pass } from '../pass.js';

/** CastLike becomes Cast where the type to cast to is known, so that the result no longer depends on a second value. */
export const castLikeToCast: Pass = {
  name: 'cast-like-to-cast',
  description: 'CastLike becomes Cast to the type that is known',
  async run(model) {
    const nodes = model.graph.nodes.filter((node) => node.type === 'CastLike');
    if (!nodes.length) return { changed: 0 };
    const facts = await inferValueTypes(model);
    let changed = 0;
    for (const node of nodes) {
      const type = facts.get(node.inputs[1]!)?.type;
      if (!type) continue;
      node.op = 'Cast';
      node.inputs.length = 1;
      node.set('to', DATA_TYPES[type].code);
      changed++;
    }
    return { changed };
  },
};
