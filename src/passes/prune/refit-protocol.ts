import type { NamedValues } from '../../ir/types.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import type { Correction } from './ridge.js';

/** Sums that are kept of one layer: the names of the model's outputs that are added up over batches. */
export interface MomentOutputs {
  groups: number;
  outputs: number;
  inputs: number;
  /** An output for each of the moments; `count` holds the number of positions. */
  names: Record<'count' | 'xx' | 'ex' | 'x' | 'e' | 'ee' | 't' | 'tt', string>;
}

/** Calls that the thread of regressions answers, one model at a time. */
export interface RefitMethods {
  /** Loads a model that computes moments. */
  open(model: Uint8Array | string, layers: readonly MomentOutputs[], options: SessionOptions): Promise<void>;
  /** Runs it on a batch, and adds its moments to those before. */
  add(feeds: NamedValues): Promise<void>;
  /** The correction of a layer; undefined where something seen was not finite. */
  correct(layer: number, options: { ridge: number; hasBias: boolean }): Correction | undefined;
  close(): Promise<void>;
}
