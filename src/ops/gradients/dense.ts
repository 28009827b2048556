import type { GradientRow } from './site.js';

/** Matrix products. */
export const dense: Record<string, GradientRow> = {};
