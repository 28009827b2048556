import type { NamedValues } from '../../ir/types.js';
import type { Random } from '../../random.js';
import type { InputForm, RawAudio, RawImage } from '../types.js';

/** A random change of a sample that leaves its label as it is. Samples are shared, so it never writes to one. */
export type Augmentation =
  | { on: 'image'; apply(image: RawImage, random: Random): RawImage }
  | { on: 'audio'; apply(clip: RawAudio, random: Random): RawAudio }
  | { on: 'inputs'; apply(inputs: NamedValues, random: Random): NamedValues };

/** A number that an augmentation takes. */
export interface Parameter {
  name: string;
  least: number;
  most: number;
  default: number;
}

/** An augmentation as the table has it; its text form gives the numbers in their order, then a variant. */
export interface AugmentationRow {
  /** What it does, in a few words. */
  about: string;
  parameters: readonly Parameter[];
  /** The two numbers are the ends of an interval. */
  interval?: boolean;
  /** Words that choose a variant; the first is the default. */
  variants?: readonly string[];
  /** What the model's inputs lack that it needs, if anything. */
  lacks?(form: InputForm | undefined, variant: string): string | undefined;
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

/** The parameter of augmentations that happen to some samples only. */
export function probability(usual: number): Parameter {
  return { name: 'probability', least: 0, most: 1, default: usual };
}
