import type { GradientRow } from './site.js';

/** Pooling. */
export const pooling: Record<string, GradientRow> = {};
