import { describe, expect, it } from 'vitest';
import { foldConstants } from '../../../src/passes/cleanup/fold-constants.js';
import { removeDeadNodes } from '../../../src/passes/cleanup/remove-dead-nodes.js';
import { cleaned } from './cleaned.js';

describe('fold-constants', () => {
  it('computes what depends on constants only', async () => {
    const { lines, numbers } = await cleaned(
      `g (float[3] x) => (float[3] y) <float[3] a = {1, 2, 3}, float[3] b = {10, 20, 30}> {
        c = Mul (a, b)  d = Sqrt (c)  e = Add (c, a)  y = Add (x, e)
      }`,
      foldConstants,
    );
    expect(lines).toEqual(['y = Add(x, e)']);
    expect(numbers('e')).toEqual([11, 42, 93]);
  });

  it('leaves random numbers, quantization and results that are too large', async () => {
    const { lines } = await cleaned(
      `g (float[N] x) => (float[N] y, float[2, 400000] z, float[2] u)
       <int64[2] shape = {2, 400000}, float one = {1}, int8[2] q = {1, 2}, float scale = {0.5}> {
        r = RandomNormal <shape = [1]> ()
        y = Add (x, r)
        big = Expand (one, shape)
        z = Neg (big)
        w = DequantizeLinear (q, scale)
        v = Neg (w)
        u = Relu (v)
      }`,
      foldConstants,
    );
    expect(lines.map((line) => line.split(' ')[2]!.split('(')[0])).toEqual(
      expect.arrayContaining(['RandomNormal', 'Expand', 'DequantizeLinear', 'Neg']),
    );
    expect(lines).toHaveLength(7);
  });

  it('replaces a weight by one of its size, unless others take it too', async () => {
    const graph = (more: string) =>
      `g (float[N, 600] x) => (float y, float z) <int64[2] s = {600, 600}, float[1] one = {1}> {
        w = ConstantOfShape <value = float[1] {2}> (s)
        y = MatMul (x, w)
        t = Transpose (w)
        z = ${more}
      }`;
    const { lines } = await cleaned(graph('MatMul (x, t)'), foldConstants);
    expect(lines).toHaveLength(4);
  });

  it('folds in branches, with constants from around them', async () => {
    const { model } = await cleaned(
      `g (bool c, float[2] x) => (float[2] y) <float[2] a = {1, 2}> {
        y = If (c) <
          then_branch = t () => (float[2] p) { b = Neg (a) p = Add (x, b) },
          else_branch = e () => (float[2] q) { q = Identity (x) }
        >
      }`,
      foldConstants,
    );
    const [branch] = model.graph.nodes[0]!.subgraphs();
    expect(branch!.nodes.map((node) => node.type)).toEqual(['Add']);
    expect([...branch!.initializers.get('b')!.toNumbers()]).toEqual([-1, -2]);
  });

  it("turns a transformer's shape arithmetic into a constant target", async () => {
    const { lines, numbers } = await cleaned(
      `g (float[batch, seq, 384] x) => (float y)
       <int64 i0 = {0}, int64 i1 = {1}, int64[1] ax = {0}, int64[1] heads = {12}, int64[1] width = {32}> {
        s = Shape (x)  b = Gather (s, i0)  l = Gather (s, i1)
        bu = Unsqueeze (b, ax)  lu = Unsqueeze (l, ax)
        target = Concat <axis = 0> (bu, lu, heads, width)
        y = Reshape (x, target)
      }`,
      foldConstants,
      removeDeadNodes,
    );
    expect(lines).toEqual(['y = Reshape(x, target_fixed)']);
    expect(numbers('target_fixed')).toEqual([0, 0, 12, 32]);
  });

  it('uses -1 for one computed dimension, and leaves a target with two', async () => {
    const graph = (target: string) =>
      `g (float[batch, seq, 6] x, float[seq, batch] like) => (float y) <int64[1] two = {2}, int64[1] three = {3}> {
        b = Shape <start = 0, end = 1> (x)
        l = Shape <start = 1, end = 2> (x)
        bl = Mul (b, l)
        target = Concat <axis = 0> (${target})
        y = Reshape (x, target)
      }`;
    const flat = await cleaned(graph('bl, two, three'), foldConstants);
    expect(flat.numbers('target_fixed')).toEqual([-1, 2, 3]);
    const swapped = await cleaned(graph('l, b, two, three'), foldConstants);
    expect(swapped.numbers('target_fixed')).toBeUndefined();
  });
});
