import { describe, expect, it } from 'vitest';
import { cheapestOfBest, planTrial } from '../../src/commands/student-choice.js';
import type { StudentCandidate } from '../../src/report/schema.js';

const candidate = (template: string, accuracy: number | undefined, macs: number): StudentCandidate => ({
  ...{ template, chosen: false, macs },
  ...(accuracy !== undefined && { accuracy }),
});

describe('planTrial', () => {
  it('gives all students together what one training takes', () => {
    expect(planTrial(3, 54_000, 3, 64)).toEqual({ epochs: 4, learnt: 13_500, judged: 13_500 });
    expect(planTrial(6, 10_000, 3, 64)).toEqual({ epochs: 4, learnt: 1_600, judged: 1_600 });
  });

  it('gives each a hundred updates at least, and keeps half of the data to judge by', () => {
    expect(planTrial(4, 1_000, 1, 32)).toEqual({ epochs: 7, learnt: 500, judged: 500 });
    expect(planTrial(3, 90, 1, 16)).toEqual({ epochs: 36, learnt: 45, judged: 45 });
  });
});

describe('cheapestOfBest', () => {
  const name = (tried: StudentCandidate[], judged = 1000) => cheapestOfBest(tried, judged).template;

  it('is the best where the others are clearly worse', () => {
    expect(name([candidate('a', 0.8, 1), candidate('b', 0.9, 9), candidate('c', 0.85, 2)])).toBe('b');
  });

  it('is the cheapest of those that are as good', () => {
    expect(name([candidate('a', 0.8, 1), candidate('b', 0.9, 9), candidate('c', 0.895, 2)])).toBe('c');
    expect(name([candidate('a', 0.8, 1), candidate('b', 0.9, 9), candidate('c', 0.895, 2)], 5)).toBe('a');
  });

  it('is none that diverged', () => {
    expect(name([candidate('a', undefined, 1), candidate('b', 0.1, 9)], 4)).toBe('b');
  });
});
