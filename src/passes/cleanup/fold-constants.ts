import { scopes } from '../../analysis/scopes.js';
import { inferSymbolicShapes } from '../../analysis/symbolic-shapes.js';
import type { Pass } from '../pass.js';
import { foldConstantPart } from './constant-part.js';
import { allowPlainInitializers } from './initializers-out-of-inputs.js';
import { fixReshapeTargets, foldKnownNumbers, shareSizes } from './shape-arithmetic.js';

/** Folding makes shapes known, which makes more foldable; this many times over at most. */
const MOST_ROUNDS = 8;

/**
 * Computes what does not depend on the model's inputs: constant nodes by running them in ONNX Runtime, shape arithmetic
 * by following it on symbols. Left as they are: random operators, QuantizeLinear and DequantizeLinear, operators of
 * other domains, and results that would make the model more than a mebibyte larger.
 */
export const foldConstants: Pass = {
  name: 'fold-constants',
  description: 'What does not depend on the inputs is computed once and for all',
  async run(model) {
    const notes = new Set<string>();
    let changed = 0;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const shapes = await inferSymbolicShapes(model);
      let folded = [foldKnownNumbers, fixReshapeTargets, shareSizes]
        .map((step) => step(model, shapes))
        .reduce((sum, count) => sum + count);
      for (const scope of scopes(model)) folded += await foldConstantPart(model, scope, notes);
      changed += folded;
      if (!folded || shapes.isComplete) break;
    }
    if (changed) allowPlainInitializers(model);
    return { changed, notes: [...notes] };
  },
};
