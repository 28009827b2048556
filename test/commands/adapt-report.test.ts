import { expect, it } from 'vitest';
import { driftWarnings, type Spent, scarceWarnings } from '../../src/commands/adapt-report.js';
import type { Chosen } from '../../src/commands/adapt-thresholds.js';

it('more lost on test data than wanted is told, with what may be behind it', () => {
  const warnings = (before: number, drop: number, goal: Parameters<typeof driftWarnings>[2] = { maxDrop: 0.005 }) => {
    const chosen = { on: { samples: 675, before } } as Chosen;
    const spent = { drop, before: 0.956 } as Spent;
    return driftWarnings(chosen, spent, goal);
  };
  expect(warnings(0.99, 0.005)).toEqual([]);
  expect(warnings(0.99, 0.028, { maxCost: 0.5 })).toEqual([]);
  expect(warnings(0.99, 0.028)).toEqual([
    '2.8 points were lost on the test data, more than where thresholds were chosen: the model knows those samples, being ' +
      'right about 99.00 % of them and 95.60 % of the test data; name data that it has not learnt from with --validation',
  ]);
  expect(warnings(0.96, 0.012)).toEqual([
    '1.2 points were lost on the test data, more than where thresholds were chosen: 675 samples tell little, or are of ' +
      'another kind; name more with --validation',
  ]);
});

it('samples that are too few to show what is allowed are told', () => {
  const warnings = (samples: number, maxDrop: number) => scarceWarnings({ on: { samples } } as Chosen, { maxDrop });
  expect(warnings(675, 0.005)).toEqual([]);
  expect(scarceWarnings({ on: { samples: 10 } } as Chosen, { maxCost: 0.5 })).toEqual([]);
  expect(warnings(120, 0.005)).toEqual([
    '120 samples cannot show that at most 0.5 points are lost: thresholds are those that changed least there; name at least ' +
      '199 with --validation',
  ]);
  expect(warnings(675, 0)[0]).toMatch(/at most 0 points are lost: thresholds are those that changed least there$/);
});
