import type { GradientRow } from './site.js';

/** Activation functions, softmax among them. */
export const activations: Record<string, GradientRow> = {};
