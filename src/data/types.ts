import type { NamedValues, TensorValue } from '../ir/types.js';
import type { ImageForm } from '../passes/exits/convert-image.js';
import type { Padding } from './pad-batch.js';

/** The kinds of samples that data can hold. */
export type SampleKind = 'image' | 'text' | 'audio' | 'arrays';

/** Pixels as decoded, interleaved: `data[(y * width + x) * channels + c]`, 0…255. */
export interface RawImage {
  kind: 'image';
  width: number;
  height: number;
  channels: number;
  data: Uint8Array;
}

/** A text, or a pair of texts. */
export interface RawText {
  kind: 'text';
  text: string;
  pair?: string;
}

/** Mono samples in −1…1. */
export interface RawAudio {
  kind: 'audio';
  samples: Float32Array;
  /** Hz. */
  sampleRate: number;
}

/** Ready-made inputs of a model, by input name, without a batch axis. */
export interface RawArrays {
  kind: 'arrays';
  arrays: NamedValues;
}

/** One sample as its source holds it. */
export type RawSample = RawImage | RawText | RawAudio | RawArrays;

/** A label as the data holds it: a class name, a class index, or several of them for multi-label data. */
export type RawLabel = string | number | readonly (string | number)[];

/** Samples by index. Opening one reads names and labels; samples are read when they are loaded. */
export interface Dataset {
  readonly path: string;
  readonly kind: SampleKind;
  readonly size: number;
  /** Class names where labels are names: in the order that the data tells, else sorted; undefined for indices. */
  readonly classNames?: readonly string[] | undefined;
  /** The label of a sample, or undefined where the data has none. */
  label(index: number): RawLabel | undefined;
  /** Where a sample lies, for messages: `dog/3.png`, `test.csv: row 12`. */
  describe(index: number): string;
  /** Reads one sample. @throws UserError naming the file and the place. */
  load(index: number): Promise<RawSample>;
}

/** What preprocessing must know of a model input; a dim is a number, a symbol, or unknown. */
export interface InputSpec {
  name: string;
  type: TensorValue['type'];
  dims: readonly (number | string | undefined)[];
}

/** Token inputs: all of a sample's inputs have one number per token. */
export interface TokenForm {
  kind: 'tokens';
  /** Input that holds the token ids. */
  ids: string;
  /** Input that counts the tokens, if there is one. */
  positions: string | undefined;
  /** Ids that mark beginnings, ends and gaps. */
  specials: ReadonlySet<number>;
  /** Ids of the tokens that stand for what is hidden and for what is unknown. */
  mask: number | undefined;
  unknown: number | undefined;
}

/** Log-mel features; axes are those of one sample. */
export interface LogMelForm {
  kind: 'log-mel';
  input: string;
  timeAxis: number;
  melAxis: number;
}

/** How a model takes texts. */
export interface TextForm {
  /** Input that holds the token ids. */
  ids: string;
  /** Input that tells tokens from padding, if there is one. */
  mask: string | undefined;
  /** What batches are padded with, and on which side. */
  padding: { id: number; side: 'left' | 'right' };
  /** One more than the largest id. */
  vocabulary(): number;
}

/** How a model takes sounds. */
export interface ClipForm {
  /** Input that holds the samples or their features. */
  input: string;
  /** Order of its axes, batch first: `NCT`, `NTF`. */
  axes: string;
  sampleRate: number;
  /** Samples that clips are cut to and, with `pad`, brought to; undefined leaves them. */
  length: number | undefined;
  pad: boolean;
}

/** What prepared inputs hold, for those who change them. */
export type InputForm = TokenForm | LogMelForm | ImageForm;

/** Preprocessing in two steps, between which samples can be changed. */
export interface Stages {
  /** An image at the size of the model, a clip at its rate. */
  fit(sample: RawSample): RawSample;
  /** The inputs of a sample that `fit` gave. */
  encode(sample: RawSample): NamedValues;
}

/** Turns raw samples into what a model takes. */
export interface Preprocessor {
  /** One line for the report: `resize 224 bicubic, mean/std, NCHW`. */
  readonly description: string;
  /** The inputs of one sample, without batch axis. */
  prepare(sample: RawSample): NamedValues | Promise<NamedValues>;
  /** The two steps of `prepare`, where it has them. */
  readonly stages?: Stages;
  readonly form?: InputForm | undefined;
  readonly text?: TextForm;
  readonly clip?: ClipForm;
  /** How inputs grow where samples of a batch differ in length; absent where they may not. */
  readonly paddings?: Readonly<Record<string, Padding>>;
  /** Stacks samples along a new first axis, padding where lengths differ. */
  collate(samples: readonly NamedValues[]): NamedValues;
}

/** Samples ready for a session. */
export interface Batch {
  /** Indices into the dataset, one per row. */
  indices: readonly number[];
  feeds: NamedValues;
}
