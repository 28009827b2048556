import { describe, expect, it } from 'vitest';
import { withoutExit, worthwhileExits } from '../../src/evaluate/exit-choice.js';
import type { ExitTable } from '../../src/evaluate/thresholds.js';

/** Four samples; the first exit is right and sure on three of them, the second is no better and never surer. */
const TABLE: ExitTable = {
  size: 4,
  unsure: [
    [0.1, 0.1, 0.1, 0.9],
    [0.1, 0.1, 0.1, 0.9],
  ],
  wrong: [
    [0, 0, 0, 1],
    [0, 0, 0, 1],
    [0, 0, 0, 0],
  ],
  costs: [0.3, 0.65, 1.1],
  own: [0.05, 0.05, 0.2],
};

describe('worthwhileExits', () => {
  it('leaves out exits that save nothing, and what they cost', () => {
    const { kept, table, policy } = worthwhileExits(TABLE, { maxDrop: 0 });
    expect(kept).toEqual([0, 2]);
    expect(table.costs.map((cost) => Number(cost.toFixed(3)))).toEqual([0.3, 1.05]);
    expect(policy.shares).toEqual([0.75, 0.25]);
    expect(policy.cost).toBeCloseTo(0.75 * 0.3 + 0.25 * 1.05);
  });

  it('keeps exits that each save something', () => {
    const unsure = [
      [0.1, 0.1, 0.9, 0.9],
      [0.1, 0.1, 0.1, 0.9],
    ];
    const wrong = [
      [0, 0, 1, 1],
      [0, 0, 0, 1],
      [0, 0, 0, 0],
    ];
    expect(worthwhileExits({ ...TABLE, unsure, wrong }, { maxDrop: 0 }).kept).toEqual([0, 1, 2]);
  });

  it('keeps what a cost can be reached with, though all are right at the end', () => {
    const { kept, policy } = worthwhileExits(TABLE, { maxCost: 0.4 });
    expect(kept).toEqual([0, 2]);
    expect([policy.shares, policy.accuracy]).toEqual([[1, 0], 0.75]);
  });

  it('leaves the last exit alone where no other is sure of what it is right about', () => {
    const wrong = [
      [1, 1, 0, 0],
      [1, 0, 1, 0],
      [0, 0, 0, 0],
    ];
    const { kept, policy } = worthwhileExits({ ...TABLE, wrong }, { maxDrop: 0 });
    expect(kept).toEqual([2]);
    expect(policy).toMatchObject({ accuracy: 1, shares: [1] });
    expect(policy.cost).toBeCloseTo(1);
  });
});

it('withoutExit keeps what other exits need', () => {
  const { costs, unsure, wrong, own } = withoutExit(TABLE, 1);
  expect(costs.map((cost) => Number(cost.toFixed(3)))).toEqual([0.3, 1.05]);
  expect([unsure.length, wrong.length, own?.length]).toEqual([1, 2, 2]);
});
