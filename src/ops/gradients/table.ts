import { activations } from './activations.js';
import { controlFlow } from './control-flow.js';
import { convolution } from './convolution.js';
import { dense } from './dense.js';
import { elementwise } from './elementwise.js';
import { gridSample } from './grid-sample.js';
import { indexing } from './indexing.js';
import { likelihood } from './likelihood.js';
import { normalization } from './normalization.js';
import { pooling } from './pooling.js';
import { quantization } from './quantization.js';
import { recurrent } from './recurrent.js';
import { reductions } from './reductions.js';
import { shapes } from './shapes.js';
import type { GradientRow } from './site.js';

/** How operators are differentiated, by operator type. A new operator is one row in one of the families. */
const GRADIENTS: Readonly<Record<string, GradientRow>> = {
  ...activations,
  ...controlFlow,
  ...convolution,
  ...dense,
  ...elementwise,
  ...gridSample,
  ...indexing,
  ...likelihood,
  ...normalization,
  ...pooling,
  ...quantization,
  ...recurrent,
  ...reductions,
  ...shapes,
};

/**
 * Operators whose result does not change with small changes of their inputs, so that no gradient passes. What gives
 * integers or booleans (comparisons, ArgMax, NonZero) stops gradients by its type and needs no mention.
 */
const CONSTANT_ALMOST_EVERYWHERE: ReadonlySet<string> = new Set([
  ...['Floor', 'Ceil', 'Round', 'Sign', 'Hardmax', 'Shape', 'Size', 'EyeLike', 'ConstantOfShape'],
  ...['RandomNormalLike', 'RandomUniformLike', 'Bernoulli', 'Multinomial'],
]);

/** The row of an operator; undefined where it has none. */
export function gradientRow(type: string): GradientRow | undefined {
  return GRADIENTS[type];
}

/** True where gradients end: the operator's result is constant almost everywhere. */
export function stopsGradients(type: string): boolean {
  return CONSTANT_ALMOST_EVERYWHERE.has(type);
}

/** Every operator type that can be differentiated. */
export function differentiableOperators(): string[] {
  return Object.keys(GRADIENTS);
}
