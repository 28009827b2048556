import type { GradientRow } from './site.js';

/** Operators that pick or place elements by index. */
export const indexing: Record<string, GradientRow> = {};
