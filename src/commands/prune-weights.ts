import { sparsify } from '../passes/prune/sparsify.js';
import { keptBy, type PruningMethod, type PruningSite } from './prune-method.js';

/** Steps to the share of zeros that is asked for. */
const LEVELS = 16;

/**
 * Sets single weights to zero. On the way to the share that is asked for, most go early, when many are of little use (Zhu
 * and Gupta 2017, "To prune, or not to prune").
 */
export function weightsMethod(site: PruningSite): PruningMethod {
  const { sparsity = 1, pattern, scope, maxPerLayer = 1 } = site.options;
  const importance = site.options.importance === 'magnitude' ? 'magnitude' : 'lamp';
  const keeps = keptBy(site);
  return {
    importance: pattern ? 'magnitude' : importance,
    levels: pattern ? 1 : LEVELS,
    async prune(original, share) {
      const model = original.clone();
      const { layers, left } = await sparsify(model, {
        sparsity: sparsity * (1 - (1 - share) ** 3),
        pattern,
        scope,
        importance,
        maxPerLayer,
        keeps: (node) => keeps([node]),
      });
      if (site.options.sparseInitializers) for (const graph of model.graph.walk()) markSparse(graph);
      return { model, groups: layers, left };
    },
  };
}

/** Has every initializer written as its elements that are not zero, where that saves room. */
function markSparse({
  sparse,
  initializers,
}: {
  sparse: Set<string>;
  initializers: ReadonlyMap<string, unknown>;
}): void {
  for (const name of initializers.keys()) sparse.add(name);
}
