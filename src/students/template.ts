import type { StudentInput } from './input.js';
import type { Features, Layers } from './layers.js';

/** A small architecture, of any width. */
export interface StudentTemplate {
  /** As it is asked for: `cnn`. */
  name: string;
  /** What it is, and where it was described. */
  about: string;
  /** Inputs that it takes. */
  suits: readonly StudentInput['kind'][];
  /** Channels of its parts in the size `base`; `small` has half of them. */
  widths: readonly number[];
  /** Channels come in multiples of it: what kernels compute at a time, or an attention head. */
  block: number;
  /** Writes the layers from the input to a row of features per sample. */
  build(layers: Layers, input: StudentInput, widths: readonly number[]): Features;
}

/** Channels that convolutions compute at a time with AVX-512: 31 of them cost more than 32. */
export const BLOCK = 16;
