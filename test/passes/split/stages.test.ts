import { describe, expect, it } from 'vitest';
import { findStages } from '../../../src/passes/split/stages.js';
import { graphOf } from '../../ops/gradients/check-gradient.js';

const chain = `f (float[4] x) => (float[4] e)
  { a = Neg(x) b = Abs(a) c = Exp(b) d = Sqrt(c) e = Relu(d) }`;

/** The stages of a graph as the outputs of their nodes. */
function stagesOf(
  text: string,
  count: number,
  costs: Record<string, number> = {},
  transfers: Record<string, number | undefined> = {},
) {
  const stages = findStages(graphOf(text), count, {
    node: ({ outputs }) => costs[outputs[0]!] ?? 1,
    transfer: (value) => (value in transfers ? transfers[value] : 0),
  });
  return stages.map(({ nodes }) => nodes.map(({ outputs }) => outputs[0]).join(''));
}

describe('findStages', () => {
  it('makes the dearest stage as cheap as can be', () => {
    expect(stagesOf(chain, 2, { a: 5 })).toEqual(['a', 'bcde']);
    expect(stagesOf(chain, 3, { e: 3, a: 3 })).toEqual(['a', 'bcd', 'e']);
    expect(stagesOf(chain, 5)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('of cuts that balance alike takes those that hand over least', () => {
    const transfers = { a: 0.05, b: 0.05, c: 0.01 };
    expect(stagesOf(chain, 2, { c: 0 }, transfers)).toEqual(['abc', 'de']);
    expect(stagesOf(chain, 2, { c: 0 }, { ...transfers, b: 0.001 })).toEqual(['ab', 'cde']);
  });

  it('counts what is handed over to the stage that takes it', () => {
    expect(stagesOf(chain, 2, {}, { b: 10, c: 10 })).toEqual(['a', 'bcde']);
  });

  it('does not cut where a value cannot be handed over', () => {
    expect(stagesOf(chain, 5, {}, { b: undefined, d: undefined })).toEqual(['a', 'bc', 'de']);
  });

  it('a skip connection is handed over at each cut that it passes', () => {
    const text = `f (float[4] x) => (float[4] d) { a = Neg(x) b = Abs(a) c = Exp(b) d = Add(c, a) }`;
    expect(stagesOf(text, 2, {}, { a: 2, b: 1, c: 1 })).toEqual(['abc', 'd']);
  });

  it('leaves what depends on constants alone to every stage', () => {
    const text = `f (float[4] x) => (float[4] b) <float[4] w = {1,2,3,4}> { v = Neg(w) a = Add(x, v) b = Mul(a, v) }`;
    expect(stagesOf(text, 2)).toEqual(['a', 'b']);
  });
});
