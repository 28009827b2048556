import type { GradientRow } from './site.js';

/** Reductions over axes. */
export const reductions: Record<string, GradientRow> = {};
