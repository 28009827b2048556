import type { GradientRow } from './site.js';

/** Normalizations. */
export const normalization: Record<string, GradientRow> = {};
