import { describe, expect, it } from 'vitest';
import { searchGate } from '../../../src/passes/quantize/gate-search.js';
import type { Plan, Treatment } from '../../../src/passes/quantize/plan.js';

/** Nodes with the drop that each causes in integers. */
const HARM: Readonly<Record<string, number>> = { a: 0.08, b: 0.04, c: 0.02, d: 0.01, e: 0, f: 0, g: 0, h: 0 };
const ranking = Object.keys(HARM);
const plan = new Map<string, Treatment>(ranking.map((key) => [key, 'static']));

function search(maxDrop: number) {
  const tried: number[] = [];
  const evaluate = async (candidate: Plan) => {
    const integers = [...candidate].filter(([, treatment]) => treatment !== 'float');
    tried.push(candidate.size - integers.length);
    return integers.reduce((drop, [key]) => drop + HARM[key]!, 0);
  };
  const found = searchGate(
    plan,
    ranking,
    evaluate,
    (drop) => drop <= maxDrop,
    (a, b) => a < b,
  );
  return found.then((attempt) => ({ attempt, tried }));
}

describe('searchGate', () => {
  it('puts as few of the most harmful nodes back as the gate needs, in a few tries', async () => {
    const { attempt, tried } = await search(0.035);
    expect([...attempt!.plan].filter(([, treatment]) => treatment === 'float').map(([key]) => key)).toEqual(['a', 'b']);
    expect(attempt!.outcome).toBeCloseTo(0.03);
    expect(tried.length).toBeLessThanOrEqual(3);
  });

  it('gives the best attempt where none passes', async () => {
    const { attempt } = await search(-1);
    expect(attempt!.outcome).toBe(0);
  });

  it('has nothing to try for a single node', async () => {
    expect(
      await searchGate(
        plan,
        ['a'],
        async () => 0,
        () => true,
        () => true,
      ),
    ).toBeUndefined();
  });
});
