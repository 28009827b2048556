import { describe, expect, it } from 'vitest';
import { parseModel } from '../../../src/onnx/text.js';
import { bytesOf, frontierOf } from '../../../src/passes/prune/frontier.js';

const BLOCKS = parseModel(`
  <ir_version: 8, opset_import: ["" : 17]>
  net (float[N, 4] x, bool mask) => (float[N, 4] y) <float[4, 4] w = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}> {
    m = Not (mask) a = MatMul (x, w) b = Relu (a) c = MatMul (b, w) d = Add (c, b)
    e = If (m) <then_branch = yes () => (float[N, 4] p) { p = MatMul (d, w) }, else_branch = no () => (float[N, 4] q) { q = Neg (d) }>
    y = Add (e, d) }`);

const after = (...outputs: string[]) =>
  frontierOf(BLOCKS, new Set(BLOCKS.graph.nodes.filter((node) => outputs.includes(node.outputs[0]!))));

describe('frontierOf', () => {
  it('finds what is taken of what is computed before', () => {
    expect(after('a')).toEqual(['m']);
    expect(after('c')).toEqual(['b', 'm']);
    expect(after('e')).toEqual(['m', 'd']);
    expect(after('y')).toEqual(['e', 'd']);
    expect(after()).toEqual([]);
  });
});

describe('bytesOf', () => {
  it('sums up sizes that are known', () => {
    const facts = new Map([
      ['b', { type: 'float32' as const, dims: [3, 4] }],
      ['m', { type: 'bool' as const, dims: [] }],
      ['e', { type: 'float32' as const, dims: ['N', 4] }],
    ]);
    expect(bytesOf(['b', 'm'], facts)).toBe(49);
    expect(bytesOf(['b', 'e'], facts)).toBeUndefined();
    expect(bytesOf(['s'], facts)).toBeUndefined();
  });
});
