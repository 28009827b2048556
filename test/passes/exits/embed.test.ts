import { describe, expect, it } from 'vitest';
import { embed } from '../../../src/passes/exits/embed.js';
import { numbers, parse, run } from './run.js';

const HOST = `f (float[n,2] x) => (float[n,2] y) <float[2] w = {2,3}> { y = Mul(x, w) }`;
const X = { x: { type: 'float32' as const, dims: [1, 2], data: Float32Array.of(1, 1) } };

describe('embed', () => {
  it('puts a model beside another one whose names it has too', async () => {
    const host = parse(HOST);
    const guest = parse('f (float[n,2] w) => (float[n,2] y) <float[2] x = {10,20}> { y = Add(w, x) }');
    const nameOf = embed(host, guest, new Map([['w', 'y']]), 'small');
    host.graph.outputs.push({ name: nameOf('y') });
    const results = await run(host, X);
    expect(numbers(results, 'y')).toEqual([2, 3]);
    expect(numbers(results, nameOf('y'))).toEqual([12, 23]);
    expect(nameOf('y')).toBe('small/y');
  });

  it('renames inside branches, which may use names of the host', async () => {
    const host = parse(HOST);
    const guest = parse(`f (float[n,2] a) => (float[n,2] b) <bool c = {1}>
      { b = If(c) <then_branch = t () => (float[n,2] x) { y = Exp(a) x = Neg(y) }, else_branch = e () => (float[n,2] w) { w = Neg(a) }> }`);
    const nameOf = embed(host, guest, new Map([['a', 'x']]), 'small');
    host.graph.outputs = [{ name: nameOf('b') }];
    expect(numbers(await run(host, X), nameOf('b'))[0]).toBeCloseTo(-Math.E, 5);
  });

  it('refuses functions of one name, which may be two', () => {
    const text = `<ir_version: 8, opset_import: ["": 18, "local": 1]>`;
    const twice = () => {
      const model = parse(HOST);
      model.functions.push({ domain: 'local', name: 'Twice', origin: text });
      return model;
    };
    expect(() => embed(twice(), twice(), new Map([['x', 'x']]), 'small')).toThrow(
      'both models define the function local.Twice',
    );
  });
});
