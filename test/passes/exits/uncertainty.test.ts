import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emitUncertainty, MEASURES, type Measure, type ScoreForm } from '../../../src/passes/exits/uncertainty.js';
import { emitted } from './run.js';

const unsure = async (rows: readonly number[][], form: Partial<ScoreForm>, measure: Measure, temperature = 1) => {
  const width = rows[0]!.length;
  const whole: ScoreForm = { kind: 'single-label', probabilities: false, width, ...form };
  const { values } = await emitted(
    (g) => emitUncertainty(g, 'x', whole, measure, temperature),
    [rows.length, width],
    rows.flat(),
  );
  return values.map((value) => Number(value.toFixed(4)));
};

const THIRDS = [Math.log(0.5), Math.log(0.3), Math.log(0.2)];

describe('emitUncertainty', () => {
  it.each([
    ['max-probability', 0.5],
    ['margin', 0.8],
    ['entropy', 0.9372],
  ] as const)('of three classes by %s', async (measure, expected) => {
    expect(await unsure([THIRDS, [9, -9, -9], [1, 1, 1]], {}, measure)).toEqual([
      expected,
      0,
      { 'max-probability': 0.6667, margin: 1, entropy: 1 }[measure],
    ]);
  });

  it.each(MEASURES)('is the same for probabilities as for logits, by %s', async (measure) => {
    expect(await unsure([[0.5, 0.3, 0.2]], { probabilities: true }, measure)).toEqual(
      await unsure([THIRDS], {}, measure),
    );
    expect(await unsure([[0.8]], { kind: 'binary', probabilities: true }, measure)).toEqual(
      await unsure([[Math.log(4)]], { kind: 'binary' }, measure),
    );
  });

  it('of one score is how far it is from even odds, whichever way', async () => {
    const rows = [[Math.log(4)], [-Math.log(4)], [0]];
    expect(await unsure(rows, { kind: 'binary' }, 'max-probability')).toEqual([0.2, 0.2, 0.5]);
    expect(await unsure(rows, { kind: 'binary' }, 'margin')).toEqual([0.4, 0.4, 1]);
    expect(await unsure(rows, { kind: 'binary' }, 'entropy')).toEqual([0.7219, 0.7219, 1]);
  });

  it('of several labels is that of the least sure one', async () => {
    expect(await unsure([[9, -Math.log(4), -9]], { kind: 'multi-label' }, 'max-probability')).toEqual([0.2]);
  });

  it('grows with the temperature', async () => {
    const rows = [[2 * Math.log(4), 0]];
    expect(await unsure(rows, {}, 'max-probability')).toEqual([0.0588]);
    expect(await unsure(rows, {}, 'max-probability', 2)).toEqual([0.2]);
  });

  it('lies between 0 and 1, but for rounding', async () => {
    const row = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 5, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(...MEASURES),
        async (rows, m) => {
          const values = await unsure(rows, {}, m, 1.7);
          expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
        },
      ),
      { numRuns: 20 },
    );
  });
});
