import { fairCoinCdf, type Interval, normalQuantile, ROUNDING, rootOf } from './statistics.js';

/** How the same labelled samples fared with two models. */
export interface PairedCounts {
  /** Labelled samples. */
  samples: number;
  /** Right only with the second model. */
  gained: number;
  /** Right only with the first. */
  lost: number;
}

/** What an interval says about a limit that its value should not exceed. */
export type Verdict = 'pass' | 'fail' | 'undecided';

/** The accuracy that the second model lost: positive where it is worse. */
export function dropOf({ samples, gained, lost }: PairedCounts): number {
  return (lost - gained) / samples;
}

/**
 * The accuracy drop with Tango's score interval for the difference of paired proportions (Tango, "Equivalence test and
 * confidence interval for the difference in proportions for the paired-sample design", Statistics in Medicine 17, 1998).
 * It stays sound where few or no predictions changed, where the usual interval collapses.
 * @param pairs counts, which need not be whole.
 * @param confidence 0…1, both ends excluded.
 */
export function dropInterval(pairs: PairedCounts, confidence = 0.95): Interval {
  const z = normalQuantile(confidence);
  const value = dropOf(pairs);
  return {
    value,
    low: rootOf((drop) => z - tangoScore(pairs, drop), -1, value),
    high: rootOf((drop) => -z - tangoScore(pairs, drop), value, 1),
  };
}

/** True where a drop lies below a limit by so many standard errors: the end of Tango's interval is not above the limit. */
export function isWithin(pairs: PairedCounts, limit: number, standardErrors: number): boolean {
  return tangoScore(pairs, limit) <= -standardErrors + SCORE_ROUNDING;
}

/** Lets a drop be within the limit that is just the end of its interval. */
const SCORE_ROUNDING = 1e-9;

/** The least limit that samples can show a drop to be within, by not changing at all. */
export function leastLimit(samples: number, standardErrors: number): number {
  const z2 = standardErrors ** 2;
  return z2 / (samples + z2);
}

/** How many standard deviations the counts lie above what a true drop would give, its other parameter at its likeliest. */
function tangoScore({ samples, gained, lost }: PairedCounts, drop: number): number {
  const a = 2 * samples;
  const b = -lost - gained + (2 * samples - lost + gained) * drop;
  const c = -gained * drop * (1 - drop);
  const gainedShare = (Math.sqrt(Math.max(b * b - 4 * a * c, 0)) - b) / (2 * a);
  const variance = samples * (2 * gainedShare + drop * (1 - drop));
  const excess = lost - gained - samples * drop;
  if (variance > 0) return excess / Math.sqrt(variance);
  return excess === 0 ? 0 : Math.sign(excess) * Number.POSITIVE_INFINITY;
}

/**
 * Exact McNemar test: how likely changes would be at least as one-sided as these if both models were equally good.
 * @returns two-sided p-value.
 */
export function mcnemarP({ gained, lost }: PairedCounts): number {
  return Math.min(1, 2 * fairCoinCdf(Math.min(gained, lost), gained + lost));
}

/**
 * Whether a drop is at most a limit, as far as its interval tells. A two-sided 95 % interval makes each wrong verdict
 * at most 2.5 % likely.
 */
export function decide({ low, high }: Interval, limit: number): Verdict {
  if (high <= limit + ROUNDING) return 'pass';
  return low > limit + ROUNDING ? 'fail' : 'undecided';
}

/** Beyond this many samples a question counts as not decidable. */
const MOST_SAMPLES = 1e12;

/**
 * How many samples would decide whether the drop is at most a limit, if predictions go on to change at the rates seen.
 * @returns a whole number, at least the number there is; undefined where the drop is so near the limit that none would do.
 */
export function samplesNeeded(limit: number, pairs: PairedCounts, confidence = 0.95): number | undefined {
  const isDecided = (samples: number) => {
    const scale = samples / pairs.samples;
    const scaled = { samples, gained: pairs.gained * scale, lost: pairs.lost * scale };
    return decide(dropInterval(scaled, confidence), limit) !== 'undecided';
  };
  if (pairs.samples === 0) return undefined;
  let enough = pairs.samples;
  while (!isDecided(enough)) {
    enough *= 2;
    if (enough > MOST_SAMPLES) return undefined;
  }
  if (enough === pairs.samples) return enough;
  return Math.ceil(rootOf((samples) => (isDecided(samples) ? 1 : -1), enough / 2, enough));
}
