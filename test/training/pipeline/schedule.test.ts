import { describe, expect, it } from 'vitest';
import { bubbleShare, microBatchesOf, oneForwardOneBackward } from '../../../src/training/pipeline/schedule.js';

const textOf = (microBatches: number, after: number) =>
  oneForwardOneBackward(microBatches, after)
    .map(({ kind, microBatch }) => `${kind[0]}${microBatch}`)
    .join(' ');

describe('oneForwardOneBackward', () => {
  it.each([
    [4, 0, 'f0 b0 f1 b1 f2 b2 f3 b3'],
    [4, 1, 'f0 f1 b0 f2 b1 f3 b2 b3'],
    [2, 3, 'f0 f1 b0 b1'],
    [0, 1, ''],
  ])('%d micro-batches, %d stages after', (microBatches, after, order) => {
    expect(textOf(microBatches, after)).toBe(order);
  });

  it('of a pipeline of 2 with 4 micro-batches a fifth is waiting', () => {
    expect(bubbleShare(2, 4)).toBeCloseTo(0.2);
  });
});

describe('microBatchesOf', () => {
  it.each([
    [64, 2, 4],
    [256, 2, 8],
    [32, 2, 2],
    [16, 3, 3],
    [2, 3, 2],
  ])('%d rows through %d stages: %d', (rows, stages, count) => {
    expect(microBatchesOf(rows, stages)).toBe(count);
  });
});
