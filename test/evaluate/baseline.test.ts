import { describe, expect, it } from 'vitest';
import { regressionGates, regressionLimits } from '../../src/evaluate/baseline.js';
import type { GateFacts } from '../../src/evaluate/gates.js';

const averages = (macro: number) => ({ macro, micro: macro, weighted: macro, perClass: [] });
const MAIN: GateFacts = { accuracy: 0.92, recall: averages(0.91), f1: averages(0.9), bytes: 200_000, speedup: 2 };

describe('a baseline', () => {
  it('makes a limit of every metric that it holds', () => {
    expect(regressionLimits(MAIN, { quality: 0.01, cost: 0.1 })).toEqual({
      minAccuracy: 0.92 - 0.01,
      minRecall: [{ limit: 0.91 - 0.01 }],
      minF1: 0.9 - 0.01,
      maxSize: 200_000 * 1.1,
      minSpeedup: 2 * 0.9,
      minLabelAccuracy: undefined,
      minTop5: undefined,
      minPrecision: undefined,
      maxLatency: undefined,
    });
  });
  it('is kept by itself, without tolerance', () => {
    const gates = regressionGates(MAIN, MAIN, { quality: 0, cost: 0 });
    expect(gates.map(({ name, passed }) => [name, passed])).toEqual([
      ['min-accuracy', true],
      ['min-recall', true],
      ['min-f1', true],
      ['max-size', true],
      ['min-speedup', true],
    ]);
  });
  it('names what became worse, with the value before', () => {
    const gates = regressionGates(MAIN, { ...MAIN, accuracy: 0.905, bytes: 230_000 }, { quality: 0.01, cost: 0.1 });
    expect(gates.filter(({ passed }) => !passed)).toMatchObject([
      { name: 'min-accuracy', limit: 0.91, value: 0.905, baseline: 0.92 },
      { name: 'max-size', value: 230_000, baseline: 200_000 },
    ]);
  });
});
