import { describe, expect, it } from 'vitest';
import { computeSame } from '../../src/passes/same-computation.js';
import { parse } from './exits/run.js';

/** A condition and its branches: one takes a value from outside, the other a constant of its own. */
const GRAPH = `f (float[n,2] x, bool c) => (float[n,2] y) <float[2] one = {1,1}>
  {
    a = Add(x, one)
    y = If(c) <
      then_branch = t () => (float[n,2] p) { p = Mul(a, x) },
      else_branch = e () => (float[n,2] q) <float[2] two = {2,2}> { q = Mul(a, two) }
    >
  }`;

const same = (other: string) => computeSame(parse(GRAPH), parse(other));

describe('computeSame', () => {
  it('does not look at names of values, dead nodes and equal constants', () => {
    expect(same(GRAPH)).toBe(true);
    expect(same(GRAPH.replaceAll(/\ba\b/g, 'sum').replaceAll(/\bq\b/g, 'twice'))).toBe(true);
    expect(same(GRAPH.replace('a = Add', 'dead = Neg(x) a = Add'))).toBe(true);
    expect(
      same(GRAPH.replace('a = Add(x, one)', 'b = Add(x, one) a = Add(x, one)').replace('Mul(a, two)', 'Mul(b, two)')),
    ).toBe(true);
  });

  it('looks at operators, constants, the order of operands, and inside branches', () => {
    expect(same(GRAPH.replace('Add(x', 'Sub(x'))).toBe(false);
    expect(same(GRAPH.replace('one = {1,1}', 'one = {1,3}'))).toBe(false);
    expect(same(GRAPH.replace('(x, one)', '(one, x)'))).toBe(false);
    expect(same(GRAPH.replace('two = {2,2}', 'two = {2,4}'))).toBe(false);
    expect(same(GRAPH.replace('Mul(a, x)', 'Mul(x, x)'))).toBe(false);
  });

  it('looks at the names of inputs and outputs', () => {
    expect(same(GRAPH.replaceAll(/\bx\b/g, 'z'))).toBe(false);
    expect(same(GRAPH.replaceAll(/\by\b/g, 'z'))).toBe(false);
  });
});
