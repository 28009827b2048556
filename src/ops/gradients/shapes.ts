import type { GradientRow } from './site.js';

/** Operators that move elements and leave their values: reshaping, slicing, joining, resizing. */
export const shapes: Record<string, GradientRow> = {};
