import { describe, expect, it } from 'vitest';
import { type AttributeLiteral, Node } from '../../src/ir/node.js';
import { MACS } from '../../src/ops/cost.js';

type Shape = readonly number[] | undefined;

/** Multiply-accumulates of one node, from the shapes of its inputs and its first output. */
function macs(
  type: string,
  inputs: readonly Shape[],
  output: Shape,
  attributes: Record<string, AttributeLiteral> = {},
): number | undefined {
  const node = new Node({ op: type, inputs: [], outputs: [], attributes });
  return MACS[type]!({ node, input: (i) => inputs[i], output: (i) => (i === 0 ? output : undefined) });
}

describe('convolutions', () => {
  it('sum over kernel and channels for every output element', () => {
    expect(macs('Conv', [[1, 3, 32, 32], [16, 3, 3, 3], [16]], [1, 16, 32, 32])).toBe(16 * 32 * 32 * 27);
  });
  it('count the channels of one group', () => {
    expect(
      macs(
        'Conv',
        [
          [1, 8, 10, 10],
          [8, 1, 3, 3],
        ],
        [1, 8, 10, 10],
        { group: 8 },
      ),
    ).toBe(8 * 100 * 9);
  });
  it('count every input element where they are transposed', () => {
    expect(
      macs(
        'ConvTranspose',
        [
          [1, 8, 5, 5],
          [8, 4, 2, 2],
        ],
        [1, 4, 10, 10],
      ),
    ).toBe(200 * 16);
  });
  it('count the same on integers', () => {
    const [x, w, s] = [[1, 3, 8, 8], [4, 3, 1, 1], []];
    expect(macs('QLinearConv', [x, s, s, w, s, s, s, s], [1, 4, 8, 8])).toBe(768);
    expect(macs('ConvInteger', [x, w], [1, 4, 8, 8])).toBe(768);
  });
});

describe('matrix products', () => {
  it('sum over the last axis of A', () => {
    expect(
      macs(
        'MatMul',
        [
          [2, 12, 16, 32],
          [2, 12, 32, 16],
        ],
        [2, 12, 16, 16],
      ),
    ).toBe(2 * 12 * 16 * 16 * 32);
    expect(macs('MatMul', [[5], [5]], [])).toBe(5);
  });
  it('sum over the axis before it where A is transposed', () => {
    expect(
      macs(
        'Gemm',
        [
          [7, 2],
          [7, 3],
        ],
        [2, 3],
        { transA: 1 },
      ),
    ).toBe(42);
    expect(
      macs(
        'Gemm',
        [
          [2, 7],
          [3, 7],
        ],
        [2, 3],
        { transB: 1 },
      ),
    ).toBe(42);
    expect(
      macs(
        'com.microsoft.FusedMatMul',
        [
          [4, 7, 2],
          [4, 7, 3],
        ],
        [4, 2, 3],
        { transA: 1 },
      ),
    ).toBe(168);
  });
  it('take the depth of packed weights from K', () => {
    expect(macs('com.microsoft.MatMulNBits', [[1, 16, 384]], [1, 16, 1536], { K: 384, N: 1536 })).toBe(9437184);
  });
  it('multiply all subscripts of an Einsum', () => {
    expect(
      macs(
        'Einsum',
        [
          [2, 3, 4],
          [2, 4, 5],
        ],
        [2, 3, 5],
        { equation: 'bij,bjk->bik' },
      ),
    ).toBe(120);
    expect(
      macs(
        'Einsum',
        [
          [6, 2, 3],
          [3, 4],
        ],
        [6, 2, 4],
        { equation: '...ij, jk -> ...ik' },
      ),
    ).toBe(144);
    expect(macs('Einsum', [[2, 3]], [3, 2], { equation: 'ij->ji' })).toBe(0);
  });
});

describe('recurrent layers', () => {
  it('meet W and R at every step, in both directions', () => {
    expect(
      macs(
        'LSTM',
        [
          [10, 1, 40],
          [1, 256, 40],
          [1, 256, 64],
        ],
        [10, 1, 1, 64],
      ),
    ).toBe(10 * 256 * (40 + 64));
    expect(
      macs(
        'GRU',
        [
          [10, 2, 8],
          [2, 12, 8],
          [2, 12, 4],
        ],
        [10, 2, 2, 4],
      ),
    ).toBe(20 * 24 * 12);
    const transposed = [
      [10, 1, 40],
      [1, 40, 256],
      [1, 64, 256],
    ];
    expect(macs('com.microsoft.DynamicQuantizeLSTM', transposed, [10, 1, 1, 64])).toBe(10 * 256 * 104);
  });
});

describe('attention', () => {
  it('counts projection, scores and mixing', () => {
    const projection = 16 * 64 * 192;
    const attention = 2 * 16 * 16 * 64;
    expect(
      macs(
        'com.microsoft.Attention',
        [
          [1, 16, 64],
          [64, 192],
        ],
        [1, 16, 64],
      ),
    ).toBe(projection + attention);
  });
  it('counts cached keys', () => {
    const past = [2, 1, 4, 8, 16];
    const inputs = [[1, 1, 64], [64, 192], [192], undefined, past];
    expect(macs('com.microsoft.Attention', inputs, [1, 1, 64])).toBe(64 * 192 + 2 * 9 * 64);
  });
  it('knows both layouts of the standard operator', () => {
    const heads = [1, 4, 10, 16];
    expect(macs('Attention', [heads, heads, heads], heads)).toBe(4 * 10 * 10 * 32);
    const flat = [1, 10, 64];
    expect(macs('Attention', [flat, flat, flat], flat, { q_num_heads: 4, kv_num_heads: 4 })).toBe(4 * 10 * 10 * 32);
  });
});

it('does not guess where a shape is unknown', () => {
  expect(
    macs(
      'Conv',
      [
        [1, 3, 8, 8],
        [4, 3, 1, 1],
      ],
      undefined,
    ),
  ).toBeUndefined();
  expect(macs('MatMul', [undefined, [3, 4]], [2, 4])).toBeUndefined();
  expect(macs('com.microsoft.GroupQueryAttention', [[1, 8, 64]], [1, 8, 64])).toBeUndefined();
});
