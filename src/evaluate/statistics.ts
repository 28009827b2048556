/** A measured value with the range that holds the true one at some confidence. */
export interface Interval {
  value: number;
  low: number;
  high: number;
}

/** Lets a value pass a limit that it equals but for rounding. */
export const ROUNDING = 1e-12;

/**
 * Percentile of values, `share` in 0…1, with linear interpolation between neighbours (Hyndman and Fan, 1996, type 7;
 * numpy's default). NaN for no values.
 */
export function percentile(values: ArrayLike<number>, share: number): number {
  return sortedPercentile(Float64Array.from(values).sort(), share);
}

/** Percentile of values that are in rising order. */
export function sortedPercentile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] ?? Number.NaN;
  return low + ((sorted[below + 1] ?? low) - low) * (place - below);
}

/** Probability that a standard normal number is below `x` (Marsaglia, "Evaluating the normal distribution", 2004). */
export function normalCdf(x: number): number {
  if (x < -8) return 0;
  if (x > 8) return 1;
  let sum = x;
  let term = x;
  for (let odd = 3; sum + term !== sum; odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-0.5 * x * x) * 0.3989422804014327;
}

/** The z with which mean ± z·deviation holds a normal number at a confidence in 0…1 (excluded): 1.96 for 0.95. */
export function normalQuantile(confidence: number): number {
  return rootOf((z) => normalCdf(z) - (1 + confidence) / 2, 0, 8);
}

/** Where a rising function crosses zero between two numbers, by bisection. */
export function rootOf(rising: (x: number) => number, low: number, high: number): number {
  for (let step = 0; step < 64; step++) {
    const middle = (low + high) / 2;
    if (rising(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Probability of at most `most` heads in `tosses` of a fair coin. */
export function fairCoinCdf(most: number, tosses: number): number {
  if (most < 0) return 0;
  if (most >= tosses) return 1;
  if (most > (tosses - 1) / 2) return 1 - fairCoinCdf(tosses - most - 1, tosses);
  let logTerm = -tosses * Math.LN2;
  for (let heads = 1; heads <= most; heads++) logTerm += Math.log((tosses - heads + 1) / heads);
  let sum = 0;
  let share = 1;
  for (let heads = most; heads >= 0 && share > 1e-17; heads--) {
    sum += share;
    share *= heads / (tosses - heads + 1);
  }
  return sum * Math.exp(logTerm);
}
