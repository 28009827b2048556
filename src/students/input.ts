import type { Dim } from '../ir/graph.js';
import type { DataType } from '../ir/types.js';

/** An input as a model declares it, batch axis first. */
export interface InputValue {
  name: string;
  type: DataType;
  dims: readonly Dim[];
}

/** Axes of inputs: N batch, C channels, H height, W width, T time, F features of a moment. */
export type Axis = 'N' | 'C' | 'H' | 'W' | 'T' | 'F';

/** Numbers with axes that mean something. */
export interface GridInput {
  kind: 'image' | 'spectrogram' | 'waveform' | 'sequence' | 'vector';
  value: InputValue;
  /** The axes in their order, `NCHW`; more of them than the value has where it is flattened to `[N, values]`. */
  axes: string;
  /** Lengths of the axes of a typical sample. */
  sizes: Partial<Record<Axis, number>>;
  /** What its numbers are multiplied by first; 1 where absent. */
  factor?: number | undefined;
  /** Samples per second of a waveform. */
  sampleRate?: number | undefined;
}

/** Texts as token ids, one row per text. */
export interface TokenInput {
  kind: 'tokens';
  ids: InputValue;
  /** 1 for tokens, 0 for padding; where it is absent, the padding's id tells. */
  mask: InputValue | undefined;
  /** Number of different ids. */
  vocabulary: number;
  padding: { id: number; side: 'left' | 'right' };
}

/** What a student is fed. */
export type StudentInput = GridInput | TokenInput;
