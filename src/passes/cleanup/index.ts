import type { Pass } from '../pass.js';
import { castLikeToCast } from './cast-like-to-cast.js';
import { commonSubexpressions } from './common-subexpressions.js';
import { constantsToInitializers } from './constants-to-initializers.js';
import { deduplicateInitializers } from './deduplicate-initializers.js';
import { foldBatchNorm } from './fold-batch-norm.js';
import { foldConstants } from './fold-constants.js';
import { initializersOutOfInputs } from './initializers-out-of-inputs.js';
import { removeDeadNodes } from './remove-dead-nodes.js';
import { removeIdentities } from './remove-identities.js';

/** The clean-up passes in the order in which they help each other. */
export const cleanupPasses: readonly Pass[] = [
  initializersOutOfInputs,
  constantsToInitializers,
  castLikeToCast,
  foldConstants,
  removeDeadNodes,
  removeIdentities,
  foldBatchNorm,
  deduplicateInitializers,
  commonSubexpressions,
  removeDeadNodes,
];

export { gemmsToMatMuls, gemmToMatMulAdd, matMulAddToGemm } from './dense-layers.js';
