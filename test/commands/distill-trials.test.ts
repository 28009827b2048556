import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestToAlone, planRounds } from '../../src/commands/distill-trials.js';

describe('planRounds', () => {
  it('tries all on a little data, and the best third on more', () => {
    expect(planRounds(7, 54_000, 3, 64)).toEqual([
      { candidates: 7, epochs: 1, learnt: 8678, judged: 8678 },
      { candidates: 3, epochs: 1, learnt: 20_250, judged: 20_250 },
    ]);
  });

  it('takes several epochs where half of the data is less than a trial may cost', () => {
    expect(planRounds(7, 9000, 8, 32)[1]).toEqual({ candidates: 3, epochs: 2, learnt: 4500, judged: 4500 });
  });

  it('leaves the last ones out where there is little data, and has nothing to try where there is less', () => {
    expect(planRounds(7, 1000, 10, 32).map(({ candidates }) => candidates)).toEqual([3]);
    expect(planRounds(7, 90, 1, 16)).toEqual([]);
    expect(planRounds(1, 54_000, 3, 64)).toEqual([]);
  });

  it('costs no more than one training, and judges by samples that were not learnt from', () => {
    fc.assert(
      fc.property(
        fc.record({
          count: fc.integer({ min: 1, max: 12 }),
          samples: fc.integer({ min: 1, max: 100_000 }),
          epochs: fc.integer({ min: 0, max: 200 }),
          batch: fc.integer({ min: 1, max: 256 }),
        }),
        ({ count, samples, epochs, batch }) => {
          const rounds = planRounds(count, samples, epochs, batch);
          const cost = rounds.reduce(
            (sum, round) => sum + round.candidates * (round.epochs * round.learnt + round.judged / 3),
            0,
          );
          expect(cost).toBeLessThanOrEqual(epochs * samples * 1.0001);
          for (const round of rounds) {
            expect(round.learnt).toBeGreaterThanOrEqual(batch);
            expect(round.judged).toBeGreaterThan(0);
            expect(round.learnt + round.judged).toBeLessThanOrEqual(samples);
          }
        },
      ),
    );
  });
});

describe('nearestToAlone', () => {
  const trial = (accuracy: number | undefined) => ({ recipe: undefined, rounds: 1, samples: 1, accuracy });

  it('takes the first that is as good as the best but for chance', () => {
    const trials = [trial(0.7), trial(0.796), trial(0.8), trial(0.799)];
    expect(nearestToAlone(trials, 10_000)).toBe(trials[1]);
    expect(nearestToAlone(trials, 1_000_000)).toBe(trials[2]);
  });

  it('passes over what diverged', () => {
    const trials = [trial(undefined), trial(0.1)];
    expect(nearestToAlone(trials, 10)).toBe(trials[1]);
    expect(nearestToAlone([trials[0]!], 10)).toBe(trials[0]);
  });
});
