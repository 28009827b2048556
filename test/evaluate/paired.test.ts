import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapDrops } from '../../src/evaluate/bootstrap.js';
import { comparePredictions } from '../../src/evaluate/compare.js';
import {
  decide,
  dropInterval,
  isWithin,
  leastLimit,
  mcnemarP,
  type PairedCounts,
  samplesNeeded,
} from '../../src/evaluate/paired.js';
import { Predictions } from '../../src/evaluate/predictions.js';
import { normalCdf } from '../../src/evaluate/statistics.js';
import { seededRandom } from '../../src/random.js';

/** Recordings of two models: [label, original's class, compressed model's class] of each sample. */
function pairOf(classes: number, rows: readonly (readonly [number | undefined, number, number])[]) {
  const original = new Predictions('single-label', classes);
  const compressed = new Predictions('single-label', classes);
  for (const [label, before, after] of rows) {
    const target = label === undefined ? undefined : [label];
    original.push([before], target, 0);
    compressed.push([after], target, 0);
  }
  return [original, compressed] as const;
}

describe('comparePredictions', () => {
  it('counts what changed, sample by sample', () => {
    const rows = [
      [0, 0, 0],
      [0, 0, 1],
      [1, 1, 0],
      [1, 0, 1],
      [2, 0, 1],
      [undefined, 2, 2],
    ] as const;
    const { samples, agreement, labelled } = comparePredictions(...pairOf(3, rows));
    expect(samples).toBe(6);
    expect(agreement).toBeCloseTo(2 / 6, 12);
    expect(labelled?.pairs).toEqual({ samples: 5, gained: 1, lost: 2 });
    expect(labelled?.accuracyDrop.value).toBeCloseTo(0.2, 12);
    expect(labelled?.mcnemarP).toBe(1);
  });

  it('knows the agreement where there are no labels', () => {
    expect(
      comparePredictions(
        ...pairOf(2, [
          [undefined, 0, 1],
          [undefined, 1, 1],
        ]),
      ),
    ).toEqual({ samples: 2, agreement: 0.5 });
  });

  it('compares sets of labels', () => {
    const [original, compressed] = [new Predictions('multi-label', 40), new Predictions('multi-label', 40)];
    for (const [set, target] of [
      [
        [1, 39],
        [1, 39],
      ],
      [[], []],
      [[0, 31, 32], [0]],
    ] as const)
      original.push(set, target, 0);
    for (const [set, target] of [
      [
        [39, 1],
        [1, 39],
      ],
      [[5], []],
      [[0], [0]],
    ] as const)
      compressed.push(set, target, 0);
    const { agreement, labelled } = comparePredictions(original, compressed);
    expect(agreement).toBeCloseTo(1 / 3, 12);
    expect(labelled?.pairs).toEqual({ samples: 3, gained: 1, lost: 1 });
    expect(original.predictedClasses(2)).toEqual([0, 31, 32]);
  });

  it('refuses recordings of other samples', () => {
    const [a] = pairOf(2, [[0, 0, 0]]);
    const [b] = pairOf(2, [[1, 0, 0]]);
    expect(() => comparePredictions(a, b)).toThrow(/sample 0 has another label/);
    expect(() => comparePredictions(a, new Predictions('single-label', 2))).toThrow(/cannot pair/);
  });
});

describe('dropInterval', () => {
  // Found numerically from the definition by recorded/paired.py.
  it.each([
    [{ samples: 44, gained: 1, lost: 0 }, -0.118077, 0.059393],
    [{ samples: 50, gained: 1, lost: 12 }, 0.094213, 0.359452],
    [{ samples: 10_000, gained: 21, lost: 14 }, -0.001954, 0.000485],
    [{ samples: 3000, gained: 30, lost: 90 }, 0.01307, 0.027484],
  ])('of %j', (pairs, low, high) => {
    const interval = dropInterval(pairs);
    expect(interval.low).toBeCloseTo(low, 5);
    expect(interval.high).toBeCloseTo(high, 5);
  });

  it('of no changes is z²/(n + z²) wide on either side', () => {
    const { value, low, high } = dropInterval({ samples: 250, gained: 0, lost: 0 });
    expect(value).toBe(0);
    expect(high).toBeCloseTo(3.841459 / 253.841459, 8);
    expect(low).toBeCloseTo(-high, 12);
  });

  it('ends where a drop is just within', () => {
    const pairs = { samples: 675, gained: 11, lost: 14 };
    const { high } = dropInterval(pairs, 2 * normalCdf(1) - 1);
    expect([isWithin(pairs, high + 1e-6, 1), isWithin(pairs, high - 1e-6, 1)]).toEqual([true, false]);
    expect(leastLimit(250, 1.959964)).toBeCloseTo(3.841459 / 253.841459, 8);
    expect(isWithin({ samples: 250, gained: 0, lost: 0 }, leastLimit(250, 1), 1)).toBe(true);
  });

  it('holds the value, mirrors, shrinks with samples and grows with confidence', () => {
    const counts = fc
      .record({ gained: fc.nat(50), lost: fc.nat(50), same: fc.nat(5000) })
      .filter(({ gained, lost, same }) => gained + lost + same > 0)
      .map(({ gained, lost, same }): PairedCounts => ({ samples: gained + lost + same, gained, lost }));
    fc.assert(
      fc.property(counts, ({ samples, gained, lost }) => {
        const { value, low, high } = dropInterval({ samples, gained, lost });
        expect(low <= value && value <= high && low >= -1 && high <= 1).toBe(true);
        const mirrored = dropInterval({ samples, gained: lost, lost: gained });
        expect(mirrored.low).toBeCloseTo(-high, 9);
        const surer = dropInterval({ samples, gained, lost }, 0.99);
        expect(surer.low <= low && high <= surer.high).toBe(true);
        const more = dropInterval({ samples: 4 * samples, gained: 4 * gained, lost: 4 * lost });
        expect(more.high - more.low).toBeLessThan(high - low + 1e-9);
      }),
    );
  });

  /** Share of 1,000 simulated test sets whose interval holds the true drop. */
  function coverage(samples: number, changed: number, lostShare: number): number {
    const random = seededRandom(samples + 1e6 * changed + 10 * lostShare);
    const truth = changed * (2 * lostShare - 1);
    let held = 0;
    for (let draw = 0; draw < 1000; draw++) {
      let gained = 0;
      let lost = 0;
      for (let sample = 0; sample < samples; sample++) {
        const chance = random();
        if (chance < changed * lostShare) lost++;
        else if (chance < changed) gained++;
      }
      const { low, high } = dropInterval({ samples, gained, lost });
      if (low <= truth && truth <= high) held++;
    }
    return held / 1000;
  }

  it.each([
    [100, 0.1, 0.5],
    [100, 0.1, 0.8],
    [300, 0.03, 0.65],
    [300, 0.1, 0.95],
    [1000, 0.01, 0.5],
    [1000, 0.03, 0.8],
    [1000, 0.1, 0.5],
    [3000, 0.005, 0.65],
    [3000, 0.03, 0.8],
    [10_000, 0.002, 0.5],
    [10_000, 0.01, 0.8],
    [10_000, 0.1, 0.65],
  ])(
    'of %i samples, %d changed, %d of them lost: holds the true drop in 93 to 97 in 100',
    (samples, changed, lostShare) => {
      const held = coverage(samples, changed, lostShare);
      expect(held).toBeGreaterThanOrEqual(0.93);
      expect(held).toBeLessThanOrEqual(0.97);
    },
  );

  it.each([
    [100, 0.002, 0.8],
    [100, 0.01, 0.5],
    [300, 0.002, 0.65],
    [1000, 0.002, 0.95],
  ])('of %i samples, %d changed (fewer than three): errs on the safe side', (samples, changed, lostShare) => {
    expect(coverage(samples, changed, lostShare)).toBeGreaterThanOrEqual(0.97);
  });
});

describe('mcnemarP', () => {
  // From recorded/paired.py.
  it.each([
    [0, 0, 1],
    [5, 5, 1],
    [1, 12, 0.00341796875],
    [21, 14, 0.31050465907901537],
    [300, 380, 0.0024248687076998837],
    [0, 2000, 0],
  ])('of %i gained and %i lost is %d', (gained, lost, p) => {
    expect(mcnemarP({ samples: 5000, gained, lost })).toBeCloseTo(p, 12);
  });
});

describe('decide and samplesNeeded', () => {
  it('tells whether a drop is within a limit', () => {
    expect(decide({ value: 0, low: -0.01, high: 0.009 }, 0.01)).toBe('pass');
    expect(decide({ value: 0, low: -0.01, high: 0.011 }, 0.01)).toBe('undecided');
    expect(decide({ value: 0.02, low: 0.011, high: 0.03 }, 0.01)).toBe('fail');
  });

  it('counts the samples that decide', () => {
    // No changes: z²/(n + z²) ≤ 1 % from n = 99 z².
    expect(samplesNeeded(0.01, { samples: 100, gained: 0, lost: 0 })).toBe(381);
    expect(samplesNeeded(0.01, { samples: 1000, gained: 0, lost: 0 })).toBe(1000);
    expect(samplesNeeded(0.01, { samples: 250, gained: 1, lost: 3 })).toBeGreaterThan(2000);
    expect(samplesNeeded(0.01, { samples: 100, gained: 1, lost: 2 })).toBeUndefined();
    expect(samplesNeeded(0, { samples: 100, gained: 0, lost: 0 })).toBeUndefined();
  });

  it('gives the least such number', () => {
    const counts = fc.record({ gained: fc.nat(20), lost: fc.nat(20), samples: fc.integer({ min: 100, max: 5000 }) });
    fc.assert(
      fc.property(counts, fc.double({ min: 0.001, max: 0.05, noNaN: true }), (pairs, limit) => {
        const needed = samplesNeeded(limit, pairs);
        if (needed === undefined || needed === pairs.samples || needed > 1e6) return;
        const at = (samples: number) => {
          const scale = samples / pairs.samples;
          return decide(dropInterval({ samples, gained: pairs.gained * scale, lost: pairs.lost * scale }), limit);
        };
        expect(at(needed + 1)).not.toBe('undecided');
        expect(at(needed - 2)).toBe('undecided');
      }),
    );
  });
});

describe('bootstrapDrops', () => {
  const random = seededRandom(7);
  const rows = Array.from({ length: 400 }, () => {
    const label = Math.floor(random() * 4);
    const guess = (right: number) => (random() < right ? label : Math.floor(random() * 4));
    const before = guess(0.9);
    return [label, before, random() < 0.95 ? before : guess(0.5)] as const;
  });

  it('gives the drop of macro averages with an interval, the same for the same seed', () => {
    const drops = bootstrapDrops(...pairOf(4, rows), ['recall', 'f1'], { seed: 3 });
    expect(drops).toEqual(bootstrapDrops(...pairOf(4, rows), ['recall', 'f1'], { seed: 3 }));
    for (const { value, low, high } of [drops.recall, drops.f1]) expect(low < value && value < high).toBe(true);
    expect(bootstrapDrops(...pairOf(4, rows), ['f1'], { seed: 4 }).f1).not.toEqual(drops.f1);
  });

  it('is about as wide as the interval of the accuracy', () => {
    const pair = pairOf(4, rows);
    const { accuracyDrop } = comparePredictions(...pair).labelled!;
    const { recall } = bootstrapDrops(...pair, ['recall']);
    const ratio = (recall.high - recall.low) / (accuracyDrop.high - accuracyDrop.low);
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.25);
  });

  it('does not take equal predictions for proof', () => {
    const same = rows.map(([label, before]) => [label, before, before] as const);
    const { value, high } = bootstrapDrops(...pairOf(4, same), ['f1']).f1;
    expect(value).toBe(0);
    expect(high).toBeCloseTo(3.841459 / 403.841459, 8);
  });
});
