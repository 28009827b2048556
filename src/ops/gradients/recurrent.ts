import type { GradientRow } from './site.js';

/** Recurrent layers. */
export const recurrent: Record<string, GradientRow> = {};
