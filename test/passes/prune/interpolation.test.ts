import { describe, expect, it } from 'vitest';
import { addShares, sharesOf } from '../../../src/passes/prune/interpolation.js';

describe('interpolation', () => {
  it('tells what channels that go have of those that are left', () => {
    // x1 = x0 / 2 + 2·x2, with E x0² = 4 and E x2² = 1
    const covariance = Float64Array.of(4, 2, 0, 2, 5, 2, 0, 2, 1);
    const shares = sharesOf(covariance, { gone: [1], left: [0, 2], width: 1 }, 1e-9);
    expect([...shares]).toEqual([expect.closeTo(0.5, 6), expect.closeTo(2, 6)]);
  });

  it('tells elements of a channel apart', () => {
    // Channel 1 is channel 0 with its two elements swapped.
    const covariance = Float64Array.of(1, 0, 0, 1, 0, 2, 2, 0, 0, 2, 2, 0, 1, 0, 0, 1);
    const shares = sharesOf(covariance, { gone: [1], left: [0], width: 2 }, 1e-9);
    expect([...shares]).toEqual([0, 1, 1, 0].map((share) => expect.closeTo(share, 6)));
  });

  it('shares the weights out along the middle axis', () => {
    const weights = { values: Float64Array.of(1, 2, 10, 20, 3, 4, 30, 40), size: 2, block: 2 };
    const indices = Int32Array.of(0, 1);
    addShares({ ...weights, indices, perChannel: 1 }, { gone: [1], left: [0], width: 1 }, Float64Array.of(0.5));
    expect([...weights.values]).toEqual([6, 12, 10, 20, 18, 24, 30, 40]);
  });

  it('shares them alike at all pixels of a channel', () => {
    // Pixels first: channel 0 has the indices 0 and 2, channel 1 the others.
    const weights = { values: Float64Array.of(1, 10, 2, 20), size: 4, block: 1 };
    const indices = Int32Array.of(0, 2, 1, 3);
    addShares({ ...weights, indices, perChannel: 2 }, { gone: [1], left: [0], width: 1 }, Float64Array.of(0.5));
    expect([...weights.values]).toEqual([6, 10, 12, 20]);
  });
});
