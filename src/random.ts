/** A stream of numbers in 0…1 (1 excluded). */
export type Random = () => number;

/** A seeded generator (mulberry32, T. Ettinger 2017): small, fast, the same everywhere; not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed | 0; // signed, since the engine keeps such numbers without allocating
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A normally distributed number (Box & Muller 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** The items in random order (Fisher–Yates), as a new array. */
export function shuffled<Item>(items: Iterable<Item>, random: Random): Item[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}

/** One seed of several whole numbers, for streams that must not resemble each other (the finalizer of MurmurHash3). */
export function mixedSeed(...parts: readonly number[]): number {
  let mixed = 0x9e3779b9;
  for (const part of parts) {
    mixed = Math.imul(mixed ^ part, 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed = (mixed ^ (mixed >>> 16)) + 0x9e3779b9;
  }
  return mixed >>> 0;
}
