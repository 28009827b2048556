import { describe, expect, it } from 'vitest';
import { evaluateGates, parseRecallLimit } from '../../src/evaluate/gates.js';
import { parseDuration, parseFactor, parseFraction, parseSize } from '../../src/evaluate/units.js';

const recall = {
  macro: 0.85,
  micro: 0.9,
  weighted: 0.9,
  perClass: [
    { class: 'cat', value: 0.95, support: 20 },
    { class: 'dog', value: 0.75, support: 10 },
  ],
};

describe('evaluateGates', () => {
  it('checks every limit against its fact, in one order', () => {
    const limits = {
      minSpeedup: 2,
      maxSize: 1000,
      minAccuracy: 0.9,
      minF1: 0.9,
      maxLatency: 5,
      maxPeakMemory: 1e6,
      minRecall: [{ limit: 0.8 }, { class: 'dog', limit: 0.8 }],
    };
    const facts = { accuracy: 0.9, recall, f1: recall, bytes: 1001, latencyMs: 4, speedup: 2.5, peakMemoryBytes: 1e6 };
    expect(evaluateGates(limits, facts)).toEqual([
      { name: 'min-accuracy', limit: 0.9, value: 0.9, passed: true },
      { name: 'min-recall', limit: 0.8, value: 0.85, passed: true },
      { name: 'min-recall', class: 'dog', limit: 0.8, value: 0.75, passed: false },
      { name: 'min-f1', limit: 0.9, value: 0.85, passed: false },
      { name: 'max-size', limit: 1000, value: 1001, passed: false },
      { name: 'max-latency', limit: 5, value: 4, passed: true },
      { name: 'min-speedup', limit: 2, value: 2.5, passed: true },
      { name: 'max-peak-memory', limit: 1e6, value: 1e6, passed: true },
    ]);
  });

  it('does not pass what was not measured', () => {
    expect(evaluateGates({ maxLatency: 5 }, {})).toEqual([{ name: 'max-latency', limit: 5, passed: false }]);
  });

  it('judges the drop by its value, and says what the interval does', () => {
    const pairs = { samples: 250, gained: 0, lost: 1 };
    const [gate] = evaluateGates({ maxDrop: 0.01 }, { pairs });
    expect(gate).toMatchObject({ value: 0.004, passed: true, verdict: 'undecided' });
    expect(gate!.samplesNeeded).toBeGreaterThan(250);
    const [exact] = evaluateGates({ maxDrop: 0.01 }, { pairs: { samples: 1000, gained: 7, lost: 17 } });
    expect(exact).toMatchObject({ value: 0.01, passed: true, verdict: 'undecided' });
    expect(exact).not.toHaveProperty('samplesNeeded');
  });

  it('judges the drop by its interval where a confidence is given', () => {
    const judge = (samples: number, gained: number, lost: number) =>
      evaluateGates({ maxDrop: 0.01, confidence: 0.95 }, { pairs: { samples, gained, lost } })[0];
    expect(judge(250, 0, 1)).toMatchObject({ passed: false, verdict: 'undecided' });
    expect(judge(10_000, 21, 14)).toMatchObject({ passed: true, verdict: 'pass' });
    expect(judge(10_000, 50, 300)).toMatchObject({ passed: false, verdict: 'fail' });
  });

  it('refuses a limit on a class that is none', () => {
    const limits = { minRecall: [parseRecallLimit('cow=0.9')] };
    expect(() => evaluateGates(limits, { recall })).toThrow(
      "--min-recall: the model has no class 'cow'; its classes are cat, dog",
    );
  });
});

describe('quantities', () => {
  it('are read with their units', () => {
    expect(['800000', '1.5MB', '512 KiB', '.5kb', '1GiB'].map((text) => parseSize(text))).toEqual([
      800_000,
      1_500_000,
      524_288,
      500,
      2 ** 30,
    ]);
    expect(['5', '5ms', '1.5s', '800us', '800 µs'].map((text) => parseDuration(text))).toEqual([5, 5, 1500, 0.8, 0.8]);
    expect(['1%', '0.01', '.5', '100%', '0', '1e-3'].map((text) => parseFraction(text))).toEqual([
      0.01, 0.01, 0.5, 1, 0, 0.001,
    ]);
    expect(['2', '1.5x', '2×'].map((text) => parseFactor(text))).toEqual([2, 1.5, 2]);
    expect(['0.9', 'a=b=90%'].map((text) => parseRecallLimit(text))).toEqual([
      { limit: 0.9 },
      { class: 'a=b', limit: 0.9 },
    ]);
  });

  it.each([
    [
      () => parseSize('1.5 bananas', '--max-size'),
      "--max-size: expected a size such as 800000, 800kB, 1.5MB or 512KiB, got '1.5 bananas'",
    ],
    [() => parseSize('-1MB'), /expected a size/],
    [() => parseSize(''), /expected a size/],
    [() => parseDuration('5m'), /expected a time such as 5ms, 800us or 1.5s, got '5m'/],
    [
      () => parseFraction('5', '--max-drop'),
      "--max-drop: expected a fraction such as 0.01 or 1%, got '5'; for 5 percent write 5%",
    ],
    [() => parseFraction('120%'), /expected a fraction/],
    [() => parseFraction('NaN'), /expected a fraction/],
    [() => parseFactor('1e999'), /expected a factor/],
    [() => parseRecallLimit('cat='), /^expected a fraction/],
  ])('are refused where they make no sense: %s', (parse, message) => expect(parse).toThrow(message));
});
