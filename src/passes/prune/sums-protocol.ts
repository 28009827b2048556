import type { NamedValues } from '../../ir/types.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import type { Elimination } from './elimination.js';
import type { ChannelWeights, Split } from './interpolation.js';
import type { Correction, Moments } from './ridge.js';

/** Outputs of a model that are added up over batches, by what they are moments of. */
export type MomentNames = Pick<Moments, 'groups' | 'outputs' | 'inputs'> & {
  names: Record<Exclude<keyof Moments, 'groups' | 'outputs' | 'inputs'>, string>;
};

/** Outputs that are moments of what a layer shall give: number of positions, Σ t and Σ t². */
export interface TargetNames extends Record<string, string> {
  count: string;
  t: string;
  tt: string;
}

/** Outputs that are moments of what a layer takes of some channels: number of positions, Σ x·xᵀ and Σ x. */
export interface TakenNames {
  count: string;
  xx: string;
  x: string;
  /** Elements of each channel, one beside the other. */
  width: number;
  /** True where a bias makes up for means. */
  isCentred: boolean;
  /** Absent where that is not known. */
  target: TargetNames | undefined;
}

/** What a layer takes, and what its weights make of it, Wᵀ·W. */
export interface ConsumerNames extends TakenNames {
  gram: Float32Array;
}

/**
 * What is kept of each batch for the next models, which have inputs of these names: an output of this model, or what was
 * kept under that name before. Absent: what was kept stays.
 */
export type Keep = readonly (readonly [as: string, from: string])[];

/** Calls that the thread of sums answers: it runs one model at a time, and adds up its outputs over batches. */
export interface SumsMethods {
  open(model: Uint8Array | string, options: SessionOptions, keep: Keep | undefined): Promise<void>;
  /** Runs the model on the next batch and what is kept of it, and adds its outputs to the sums. */
  add(feeds: NamedValues): Promise<void>;
  sums(names: readonly string[]): Float64Array[];
  /** The correction of a layer; undefined where something seen was not finite. */
  correct(layer: MomentNames, options: { ridge: number; hasBias: boolean }): Correction | undefined;
  /** What is lost with each channel when they go one after the other; undefined where something was not finite. */
  eliminate(consumers: readonly ConsumerNames[], elimination: Elimination): Float64Array | undefined;
  /** Adds the weights of channels that go to those that are left; undefined where something was not finite. */
  interpolate(taken: TakenNames, weights: ChannelWeights, split: Split, ridge: number): Float64Array | undefined;
  close(): Promise<void>;
}
