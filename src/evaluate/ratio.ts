import { seededRandom } from '../random.js';
import { fairCoinCdf, type Interval, percentile, sortedPercentile } from './statistics.js';

/** How long a model takes for a batch. */
export interface LatencySummary {
  /** Samples in a run. */
  batch: number;
  /** Milliseconds per run. */
  medianMs: number;
  /** Where runs took different inputs. */
  meanMs?: number;
  p90Ms: number;
  /** Samples per second at the median; at the mean where runs took different inputs. */
  throughput: number;
  /** Milliseconds at 0, 5, … 100 % of the runs. */
  quantilesMs: number[];
}

/** Quantiles that tell a distribution: every 5 %. */
const QUANTILES = 20;

/**
 * @param milliseconds of each run, at least one.
 * @param varied true where runs took different inputs.
 */
export function summarizeLatency(milliseconds: ArrayLike<number>, batch: number, varied = false): LatencySummary {
  const sorted = Float64Array.from(milliseconds).sort();
  const medianMs = sortedPercentile(sorted, 0.5);
  return {
    batch,
    medianMs,
    ...(varied && { meanMs: meanOf(milliseconds) }),
    p90Ms: sortedPercentile(sorted, 0.9),
    throughput: (1000 * batch) / (varied ? meanOf(milliseconds) : medianMs),
    quantilesMs: Array.from({ length: QUANTILES + 1 }, (_, step) => sortedPercentile(sorted, step / QUANTILES)),
  };
}

/**
 * How many times the first series is the second: the median of the ratios of runs that were measured side by side, with
 * the order-statistic interval of a median (David and Nagaraja, "Order Statistics", 2003, section 7.1), which assumes
 * nothing about how latencies are distributed. With fewer runs than the confidence needs (six for 95 %) the interval is
 * the range of the ratios, the widest that the runs support.
 * @param numerator milliseconds, e.g. of the original.
 * @param denominator milliseconds in the same rounds, e.g. of the compressed model.
 * @param confidence of the interval, 0…1.
 */
export function ratioInterval(
  numerator: ArrayLike<number>,
  denominator: ArrayLike<number>,
  confidence = 0.95,
): Interval {
  if (numerator.length !== denominator.length || numerator.length === 0) {
    throw new Error(`cannot pair ${numerator.length} latencies with ${denominator.length}`);
  }
  const ratios = Float64Array.from(numerator, (value, round) => value / denominator[round]!).sort();
  const rank = lowerRank(ratios.length, confidence);
  return { value: sortedPercentile(ratios, 0.5), low: ratios[rank]!, high: ratios[ratios.length - 1 - rank]! };
}

const RESAMPLES = 1000;

/**
 * How many times the mean of the first series is that of the second, where runs took different inputs and a median would
 * tell of the most frequent kind alone; with the percentile interval of a paired bootstrap over the runs.
 */
export function meanRatioInterval(
  numerator: ArrayLike<number>,
  denominator: ArrayLike<number>,
  confidence = 0.95,
): Interval {
  const runs = numerator.length;
  const random = seededRandom(runs);
  const ratios = Float64Array.from({ length: RESAMPLES }, () => {
    let [above, below] = [0, 0];
    for (let k = 0; k < runs; k++) {
      const run = Math.floor(random() * runs);
      above += numerator[run]!;
      below += denominator[run]!;
    }
    return above / below;
  }).sort();
  const tail = (1 - confidence) / 2;
  return {
    value: meanOf(numerator) / meanOf(denominator),
    low: sortedPercentile(ratios, tail),
    high: sortedPercentile(ratios, 1 - tail),
  };
}

function meanOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

/** Milliseconds that a model typically takes: the median of its runs; the mean where they took different inputs. */
export function typicalLatency(milliseconds: ArrayLike<number>, varied: boolean): number {
  return varied ? meanOf(milliseconds) : percentile(milliseconds, 0.5);
}

/** The highest rank (from 0) that the true median falls below with at most half the remaining probability. */
function lowerRank(count: number, confidence: number): number {
  const tail = (1 - confidence) / 2;
  let rank = 0;
  while (rank + 1 < count / 2 && fairCoinCdf(rank + 1, count) <= tail) rank++;
  return rank;
}
