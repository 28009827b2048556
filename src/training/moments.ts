import type { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { computeStatistics } from '../ops/gradients/batch-normalization.js';
import { type PoolOptions, runPool } from '../runtime/pool.js';
import { withLoadable } from '../runtime/source.js';

/** Mean and population variance per channel. */
export interface Moments {
  count: number;
  mean: Float64Array;
  variance: Float64Array;
}

/** Values of a model that hold the moments of another one over a batch. */
export interface MomentValues {
  mean: string;
  variance: string;
  size: string;
}

/** Where models are run that measure moments. */
export type MeasuringOptions = Partial<Pick<PoolOptions, 'workers' | 'session'>>;

/** Emits the moments of a value whose second axis is that of the channels. */
export function emitMoments(g: Emitter, value: string, rank: number): MomentValues {
  const [mean, variance] = computeStatistics(g, value, rank);
  return { mean, variance, size: g.op('Size', [value]) };
}

/** Runs a model that computes moments over batches, whose activations are never held at once. Changes its outputs. */
export async function measureMoments(
  probe: Model,
  values: readonly MomentValues[],
  batches: AsyncIterable<{ feeds: NamedValues }>,
  { workers = 1, session }: MeasuringOptions,
): Promise<Moments[]> {
  probe.graph.outputs = values.flatMap(({ mean, variance, size }) => [mean, variance, size]).map((name) => ({ name }));
  const totals: (Moments | undefined)[] = values.map(() => undefined);
  await withLoadable([probe], async ([source]) => {
    for await (const { outputs } of runPool([source!], batches, { workers, session })) {
      const results = outputs[0]!;
      for (const [k, { mean, variance, size }] of values.entries()) {
        const [means, variances, [elements]] = [mean, variance, size].map((name) =>
          Float64Array.from(results[name]!.data, Number),
        ) as [Float64Array, Float64Array, Float64Array];
        totals[k] = combine(totals[k], { count: elements! / means.length, mean: means, variance: variances });
      }
    }
  });
  return totals as Moments[];
}

/** Moments of two samples together (Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm"). */
function combine(a: Moments | undefined, b: Moments): Moments {
  if (!a) return b;
  const count = a.count + b.count;
  const share = b.count / count;
  const between = (c: number) => share * (1 - share) * (b.mean[c]! - a.mean[c]!) ** 2;
  return {
    count,
    mean: a.mean.map((value, c) => value + share * (b.mean[c]! - value)),
    variance: a.variance.map((value, c) => value + share * (b.variance[c]! - value) + between(c)),
  };
}
