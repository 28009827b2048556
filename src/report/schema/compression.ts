import { z } from 'zod';
import { count, fraction, positive } from './numbers.js';
import { fidelity } from './quality.js';

/** A candidate that the search for a method built. */
export const trial = z.object({
  method: z.string(),
  /** True for the one that was taken. */
  chosen: z.boolean(),
  /** How many times as fast as the original at each batch size tried; absent where speed was not measured. */
  speedups: z.array(positive).optional(),
  /** Of the outputs on calibration inputs, in dB; absent where it was not measured or outputs are equal. */
  sqnrDb: z.number().optional(),
  /** Share of calibration samples with the original's prediction. */
  agreement: fraction.optional(),
});

export const node = z.object({
  name: z.string(),
  op: z.string(),
  /** What was done: static or dynamic (computed in integers), int4, int8-storage, fp16-storage, fp16 (computed), or float. */
  decision: z.string(),
  reason: z.string(),
  /** Signal to noise in dB that this node's treatment alone leaves. */
  sqnrDb: z.number().optional(),
});

/** An inner value that both models compute, and how near the compressed model's comes. */
const layer = fidelity.omit({ agreement: true }).extend({
  /** Name of the value in the original. */
  name: z.string(),
  /** Its name in the compressed model, where that is another. */
  counterpart: z.string().optional(),
  /** Operator that makes it in the original. */
  op: z.string(),
});

export const layers = z.object({
  /** Samples that the values were computed on, without the runtime's fusions. */
  samples: count,
  /** In the order of the original's graph. */
  values: z.array(layer),
  /** The first value with more error than float32 rounding leaves; absent where there is none. */
  start: z.string().optional(),
  /** The value at which most error is added to that of the values it is computed from, as a share of its own power. */
  mostAdded: z.string().optional(),
});

export const pruning = z.object({
  /** What was removed: channels of groups that hang together, single weights of layers, or whole layers. */
  kind: z.enum(['channels', 'weights', 'layers']).optional(),
  /** How was told what matters. */
  importance: z.string().optional(),
  /** What the original has, divided by what the result has. */
  macsRatio: positive,
  parametersRatio: positive,
  /** Channels of each group, weights of each layer that are not zero, or whether a layer is there. */
  groups: z.array(z.object({ name: z.string(), before: count, after: count })),
  /** What had to stay as it is, and why. */
  left: z.array(z.object({ name: z.string(), reason: z.string() })).optional(),
  /** Models on the way: `macs`, `parameters` and `bytes`, `sparsity`, and `accuracy` once pruned and once `trained`. */
  steps: z.array(z.record(z.string(), z.unknown())),
});

export const sensitivity = z.object({
  /** How was told which channels of a group matter least. */
  importance: z.string(),
  /** Samples that models were run on. */
  samples: count,
  /** Share of them that is right or, where there are no labels, predicted as by the original. */
  measure: z.enum(['accuracy', 'agreement']),
  /** What the whole model has. */
  whole: fraction,
  groups: z.array(
    z.object({
      name: z.string(),
      channels: count,
      /** What is left when a share of the channels goes, and what the model has then, as removed and as fitted anew. */
      points: z.array(z.object({ share: fraction, left: count, removed: fraction, fitted: fraction.optional() })),
    }),
  ),
});

export type Trial = z.output<typeof trial>;
export type NodeReport = z.output<typeof node>;
export type LayersReport = z.output<typeof layers>;
export type Sensitivity = z.output<typeof sensitivity>;
