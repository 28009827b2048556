import type { GradientRow } from './site.js';

/** Convolutions. */
export const convolution: Record<string, GradientRow> = {};
