import { expect, it } from 'vitest';
import { mixedSeed, seededRandom, shuffled } from '../src/random.js';

it('gives mulberry32, the same stream for the same seed', () => {
  const random = seededRandom(1);
  expect([random(), random(), random()].map((value) => Math.round(value * 1e6))).toEqual([627074, 2736, 527447]);
});

it('spreads evenly', () => {
  const random = seededRandom(3);
  const bins = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) bins[Math.floor(random() * 10)]! += 1;
  expect(Math.min(...bins)).toBeGreaterThan(900);
});

it('shuffles into a new array', () => {
  const items = [1, 2, 3, 4, 5];
  expect(shuffled(items, seededRandom(0)).sort()).toEqual(items);
});

it('mixes a seed of several numbers, each of which matters, as does their order', () => {
  const seeds = [mixedSeed(), mixedSeed(0), mixedSeed(0, 0), mixedSeed(1, 2), mixedSeed(2, 1), mixedSeed(1, 2, 0)];
  expect(new Set(seeds).size).toBe(6);
  expect(mixedSeed(1, 2)).toBe(mixedSeed(1, 2));
  const near = new Set(Array.from({ length: 1000 }, (_, index) => mixedSeed(7, 1, index)));
  expect(near.size).toBe(1000);
});
