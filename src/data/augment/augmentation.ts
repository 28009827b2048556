import type { NamedValues } from '../../ir/types.js';
import type { Random } from '../../random.js';
import type { InputForm, RawAudio, RawImage } from '../types.js';

/** A random change of a sample that leaves its label as it is. Samples are shared, so it never writes to one. */
export type Augmentation =
  | { on: 'image'; apply(image: RawImage, random: Random): RawImage }
  | { on: 'audio'; apply(clip: RawAudio, random: Random): RawAudio }
  | { on: 'inputs'; apply(inputs: NamedValues, random: Random): NamedValues };

/** One parameter of an augmentation; a text form lists values in the order of the parameters. */
export interface Parameter {
  name: string;
  least: number;
  most: number;
  default: number;
  /** Whole numbers only. */
  whole?: boolean;
}

/** An augmentation as the table has it. */
export interface AugmentationRow {
  /** What it does, in a few words, for messages and help. */
  about: string;
  parameters: readonly Parameter[];
  /** Words that choose a variant; the first is the default. */
  variants?: readonly string[];
  /**
   * Inputs that it can change, for those that work on prepared inputs.
   * @returns what is missing, or undefined
   */
  lacks?(form: InputForm | undefined): string | undefined;
  make(values: readonly number[], variant: string, form: InputForm | undefined): Augmentation;
}

/** A number in `least` … `most`. */
export function between(random: Random, least: number, most: number): number {
  return least + random() * (most - least);
}

/** A whole number in `least` … `most`, both included. */
export function wholeBetween(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** Normally distributed numbers in pairs, by Marsaglia's polar method (1964), of a stream of uniform ones. */
export function normals(random: Random): () => number {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * random() - 1;
      const v = 2 * random() - 1;
      const square = u * u + v * v;
      if (square === 0 || square >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      spare = v * scale;
      return u * scale;
    }
  };
}
