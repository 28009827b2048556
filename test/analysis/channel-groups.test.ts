import { describe, expect, it } from 'vitest';
import { findChannelGroups } from '../../src/analysis/channel-groups.js';
import { modelWithWeights } from '../passes/prune/model-with-weights.js';

/** Each group as `name × size: constants with their axes → consumers`, and what is refused. */
async function groupsOf(text: string) {
  const { groups, refused } = await findChannelGroups(modelWithWeights(text));
  return {
    groups: groups.map(({ name, size, members, consumers }) => {
      const constants = members.filter(({ isConstant }) => isConstant);
      const places = constants.map(({ value, axis, perChannel }) => `${value}:${axis}${'*'.repeat(perChannel - 1)}`);
      return `${name} × ${size}: ${places.join(' ')} → ${consumers.map(({ node }) => node.label).join(' ')}`;
    }),
    refused: refused.map(({ node, reason }) => `${node.label}: ${reason}`),
  };
}

describe('channel groups', () => {
  it('follow a convolution through pooling and flattening into a dense layer', async () => {
    const found = await groupsOf(`
      <ir_version: 8, opset_import: ["" : 17]>
      small (float[N, 1, 4, 4] x, float[6, 1, 3, 3] v, float[6] b, float[3, 24] w) => (float[N, 3] y)
      {
        c = Conv <pads = [1, 1, 1, 1]> (x, v, b)
        r = Relu (c)
        p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
        f = Flatten (p)
        y = Gemm <transB = 1> (f, w)
      }`);
    expect(found).toEqual({ groups: ['c × 6: v:0 b:0 w:1*** → y'], refused: ['y: graph output y'] });
  });

  it('join what a residual sum adds, and name what stops them', async () => {
    const found = await groupsOf(`
      <ir_version: 8, opset_import: ["" : 17]>
      residual (float[N, 4] x, float[4, 8] a, float[8, 8] b, float[8, 2] w) => (float[N, 2] y)
      {
        h = MatMul (x, a)
        g = Relu (h)
        i = MatMul (g, b)
        r = Add (h, i)
        y = MatMul (r, w)
      }`);
    expect(found.groups).toEqual(['h × 8: a:1 b:0 b:1 w:0 → i y']);
    expect(found.refused).toEqual(['y: graph output y']);
  });

  it('say why layers have to stay', async () => {
    const { refused } = await groupsOf(`
      <ir_version: 8, opset_import: ["" : 17, "custom" : 1]>
      stays (float[N, 4] x, bool c, float[4, 5] a, float[4, 6] b, float[4, 7] d, float[4, 8] e, float[8] s, float q)
        => (float[N, 5] y, float[N, 6] z, float u, float[N, 8] v)
      {
        h = MatMul (x, a)
        y = If (c) <then_branch = t () => (o) { o = Relu (h) }, else_branch = f () => (p) { p = Neg (h) }>
        i = MatMul (x, b)
        z = Softmax (i)
        j = MatMul (x, d)
        k = Relu (j)
        u = ReduceMean <axes = [1]> (k)
        l = MatMul (x, e)
        m = QuantizeLinear (l, q)
        v = DequantizeLinear (m, q)
      }`);
    expect(refused).toEqual([
      'h: If y: its subgraph takes it',
      'i: Softmax z normalizes over it',
      'j: ReduceMean u reduces it',
      'l: QuantizeLinear m: quantized models are not pruned; prune first, then quantize',
    ]);
  });

  it('name operators without a rule', async () => {
    const { groups, refused } = await groupsOf(`
      <ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
      unknown (float[N, 4] x, float[4, 8] a, float[8, 2] w) => (float[N, 2] y)
      {
        h = MatMul (x, a)
        i = com.microsoft.Inverse (h)
        y = MatMul (i, w)
      }`);
    expect(groups).toEqual([]);
    expect(refused[0]).toBe('h: no rule for com.microsoft.Inverse (i)');
  });
});
