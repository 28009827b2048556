import { describe, expect, it } from 'vitest';
import { readExitCard, removeExitCard, writeExitCard } from '../../../src/passes/exits/card.js';
import { parse } from './run.js';

const CARD = {
  ...{ threshold: 'threshold', exit: 'exit', macs: 1000 },
  exits: [
    { name: 'exit 1', cost: 0.3 },
    { name: 'last', cost: 1.1 },
  ],
};

const adaptive = () =>
  parse(`f (float[n,2] x, float[1] threshold) => (float[n,2] y, int64[n] exit) <float[1] threshold = {0.5}>
    { y = Relu(x) s = ReduceSum<keepdims=0>(x) exit = Cast<to=7>(s) }`);

describe('an exit card', () => {
  it('is read as it was written', () => {
    const model = adaptive();
    expect(readExitCard(model)).toBeUndefined();
    writeExitCard(model, CARD);
    expect(readExitCard(model)).toEqual(CARD);
    const form = { kind: 'binary', probabilities: true, width: 1 } as const;
    const routed = { ...CARD, routing: { form, measure: 'entropy' as const, temperatures: [1.5, 1] } };
    writeExitCard(model, routed);
    expect(readExitCard(model)).toEqual(routed);
    removeExitCard(model);
    expect(readExitCard(model)).toBeUndefined();
  });

  it('counts for nothing where it does not fit the model, or is broken', () => {
    const fits = (change: (model: ReturnType<typeof adaptive>) => void) => {
      const model = adaptive();
      writeExitCard(model, CARD);
      change(model);
      return readExitCard(model) !== undefined;
    };
    expect(fits(() => {})).toBe(true);
    expect(fits(({ graph }) => graph.outputs.pop())).toBe(false);
    expect(fits(({ graph }) => graph.initializers.delete('threshold'))).toBe(false);
    expect(fits((model) => writeExitCard(model, { ...CARD, exits: CARD.exits.slice(1) }))).toBe(false);
    expect(fits((model) => writeExitCard(model, { ...CARD, macs: 0 }))).toBe(false);
    expect(fits(({ metadata }) => metadata.set('nncompress.exits', '{'))).toBe(false);
    expect(fits(({ metadata }) => metadata.set('nncompress.exits', '[]'))).toBe(false);
  });
});
