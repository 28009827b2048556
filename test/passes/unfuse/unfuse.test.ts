import { describe, expect, test } from 'vitest';
import type { Model } from '../../../src/ir/model.js';
import type { NamedValues } from '../../../src/ir/types.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { runPasses } from '../../../src/passes/pass.js';
import { UNFUSE, unfuse } from '../../../src/passes/unfuse/unfuse.js';
import { Session } from '../../../src/runtime/session.js';
import { errorAlongDirection, graphOf, randomFloats } from '../../ops/gradients/check-gradient.js';

const int32s = (dims: readonly number[], data: readonly number[]) =>
  ({ type: 'int32', dims, data: Int32Array.from(data) }) as const;
const int64s = (dims: readonly number[], data: readonly number[]) =>
  ({ type: 'int64', dims, data: BigInt64Array.from(data, BigInt) }) as const;
const random = (...dims: number[]) =>
  randomFloats(
    dims,
    dims.reduce((sum, dim) => sum * 7 + dim, 1),
  );

/** Signature, call and feeds of a fused operator. */
type Case = [signature: string, call: string, feeds: NamedValues];

const x = random(2, 3, 8);
const layer = { scale: random(8), shift: random(8) };
const heads = { q: random(2, 3, 8), k: random(2, 5, 8), v: random(2, 5, 4) };
const HEADS = 'float[2,3,8] q, float[2,5,8] k, float[2,5,4] v';
const attended = { x, w: random(8, 24), b: random(24) };
const ATTENDED = 'float[2,3,8] x, float[8,24] w, float[24] b';
const image = { x: random(1, 2, 4, 4), w: random(3, 2, 3, 3), b: random(3), z: random(1, 3, 4, 4) };
const CONV = 'float[1,2,4,4] x, float[3,2,3,3] w, float[3] b, float[1,3,4,4] z';
const angles = { cos: randomFloats([10, 2], 5), sin: randomFloats([10, 2], 6) };

const CASES: Record<string, Case[]> = {
  FusedConv: [
    [CONV, 'FusedConv<pads=[1,1,1,1], activation="Relu">(x, w, b, z)', image],
    [CONV, 'FusedConv<auto_pad="SAME_UPPER", activation="LeakyRelu", activation_params=[0.2]>(x, w)', image],
    [CONV, 'FusedConv<pads=[1,1,1,1], activation="Clip", activation_params=[-0.5, 0.5]>(x, w, b)', image],
    [CONV, 'FusedConv<pads=[1,1,1,1], activation="HardSigmoid", activation_params=[0.3, 0.4]>(x, w, b)', image],
    [CONV, 'FusedConv<strides=[2,2], activation="Tanh">(x, w, b)', image],
  ],
  FusedGemm: ['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh'].map((name) => [
    'float[3,2] a, float[4,3] b, float[4] c',
    `FusedGemm<transA=1, transB=1, alpha=0.5, beta=2.0, activation="${name}", activation_alpha=0.3>(a, b, c)`,
    { a: random(3, 2), b: random(4, 3), c: random(4) },
  ]),
  FusedMatMul: [
    ['float[2,3] a, float[3,4] b', 'FusedMatMul(a, b)', { a: random(2, 3), b: random(3, 4) }],
    ['float[3,2] a, float[4,3] b', 'FusedMatMul<transA=1, transB=1>(a, b)', { a: random(3, 2), b: random(4, 3) }],
    [
      'float[5,2,3] a, float[5,4,3] b',
      'FusedMatMul<transB=1, alpha=0.5>(a, b)',
      { a: random(5, 2, 3), b: random(5, 4, 3) },
    ],
    ['float[2,5,3] a, float[5,3,4] b', 'FusedMatMul<transBatchA=1>(a, b)', { a: random(2, 5, 3), b: random(5, 3, 4) }],
    [
      'float[3,5,6,2] a, float[4,5,6,3] b',
      'FusedMatMul<transBatchA=1, transA=1, transBatchB=1, transB=1>(a, b)',
      { a: random(3, 5, 6, 2), b: random(4, 5, 6, 3) },
    ],
  ],
  TransposeMatMul: [
    ['float[3,2] a, float[3,4] b', 'TransposeMatMul<transA=1>(a, b)', { a: random(3, 2), b: random(3, 4) }],
  ],
  Gelu: [['float[2,3,8] x', 'Gelu(x)', { x }]],
  BiasGelu: [['float[2,3,8] x, float[8] shift', 'BiasGelu(x, shift)', { x, shift: layer.shift }]],
  FastGelu: [
    ['float[2,3,8] x, float[8] shift', 'FastGelu(x, shift)', { x, shift: layer.shift }],
    ['float[2,3,8] x', 'FastGelu(x)', { x }],
  ],
  QuickGelu: [['float[2,3,8] x', 'QuickGelu<alpha=1.5>(x)', { x }]],
  SkipLayerNormalization: [
    [
      'float[2,3,8] x, float[2,3,8] s, float[8] scale, float[8] shift',
      'SkipLayerNormalization<epsilon=0.01>(x, s, scale, shift)',
      { x, s: randomFloats([2, 3, 8], 9), ...layer },
    ],
    [
      'float[2,3,8] x, float[3,8] s, float[8] scale, float[8] b',
      'SkipLayerNormalization(x, s, scale, , b)',
      { x, s: random(3, 8), scale: layer.scale, b: random(8) },
    ],
  ],
  SkipSimplifiedLayerNormalization: [
    [
      'float[2,3,8] x, float[2,3,8] s, float[8] scale, float[8] b',
      'SkipSimplifiedLayerNormalization<epsilon=0.01>(x, s, scale, b)',
      { x, s: randomFloats([2, 3, 8], 9), scale: layer.scale, b: layer.shift },
    ],
  ],
  EmbedLayerNormalization: [
    [
      'int32[2,3] i, int32[2,3] t, float[9,8] w, float[5,8] p, float[2,8] g, float[8] scale, float[8] shift, int32[2,3] m',
      'EmbedLayerNormalization<epsilon=0.001>(i, t, w, p, g, scale, shift, m)',
      {
        i: int32s([2, 3], [0, 8, 3, 4, 4, 1]),
        t: int32s([2, 3], [0, 1, 1, 0, 0, 1]),
        w: random(9, 8),
        p: random(5, 8),
        g: random(2, 8),
        ...layer,
        m: int32s([2, 3], [1, 1, 0, 1, 1, 1]),
      },
    ],
    [
      'int32[2,3] i, float[9,8] w, float[5,8] p, float[8] scale, float[8] shift, int32[2,3] at',
      'EmbedLayerNormalization(i, , w, p, , scale, shift, , at)',
      {
        i: int32s([2, 3], [0, 8, 3, 4, 4, 1]),
        w: random(9, 8),
        p: random(5, 8),
        ...layer,
        at: int32s([2, 3], [4, 0, 1, 2, 3, 0]),
      },
    ],
  ],
  Attention: [
    [ATTENDED, 'Attention<num_heads=2>(x, w, b)', attended],
    [ATTENDED, 'Attention<num_heads=2, unidirectional=1, scale=0.3>(x, w, b)', attended],
    [
      'float[2,3,8] x, float[8,20] w, float[20] b',
      'Attention<num_heads=2, qkv_hidden_sizes=[8,8,4]>(x, w, b)',
      { x, w: random(8, 20), b: random(20) },
    ],
    [`${ATTENDED}, int32[2] m`, 'Attention<num_heads=4>(x, w, b, m)', { ...attended, m: int32s([2], [3, 1]) }],
    [
      `${ATTENDED}, int32[2,3] m, float[1,2,3,3] s`,
      'Attention<num_heads=2, mask_filter_value=-50.0>(x, w, b, m, , s)',
      { ...attended, m: int32s([2, 3], [1, 1, 0, 0, 1, 1]), s: random(1, 2, 3, 3) },
    ],
    [
      `${ATTENDED}, int32[2,3,3] m`,
      'Attention<num_heads=2>(x, w, b, m)',
      { ...attended, m: int32s([2, 3, 3], [1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0, 1]) },
    ],
  ],
  MultiHeadAttention: [
    [HEADS, 'MultiHeadAttention<num_heads=2>(q, k, v)', heads],
    [
      `${HEADS}, float[20] b, int32[2,5] m`,
      'MultiHeadAttention<num_heads=2, scale=0.4>(q, k, v, b, m)',
      { ...heads, b: random(20), m: int32s([2, 5], [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]) },
    ],
    [
      `${HEADS}, int32[2] m, float[1,2,3,5] s`,
      'MultiHeadAttention<num_heads=2>(q, k, v, , m, s)',
      { ...heads, m: int32s([2], [2, 5]), s: random(1, 2, 3, 5) },
    ],
    [
      'float[2,3,8] q, float[2,3,8] k, float[2,3,8] v',
      'MultiHeadAttention<num_heads=4, unidirectional=1>(q, k, v)',
      { q: x, k: randomFloats([2, 3, 8], 3), v: randomFloats([2, 3, 8], 4) },
    ],
  ],
  RotaryEmbedding: [
    ['<interleaved=0>', 'float[2,3,8] x', x],
    ['<interleaved=1>', 'float[2,3,8] x', x],
    ['<num_heads=1, rotary_embedding_dim=4>', 'float[2,3,8] x', x],
    ['<interleaved=1>', 'float[2,2,3,4] x', random(2, 2, 3, 4)],
  ].flatMap(([attributes, signature, value]) =>
    [int64s([2, 3], [0, 4, 2, 1, 3, 9]), int64s([1], [2])].map(
      (p): Case => [
        `${signature}, int64[${p.dims}] p, float[10,2] cos, float[10,2] sin`,
        `RotaryEmbedding${attributes}(x, p, cos, sin)`,
        { x: value as NamedValues[string], p, ...angles },
      ],
    ),
  ),
};

describe.each(Object.entries(CASES))('%s', (op, cases) => {
  test.each(cases.map(([signature, call, feeds]) => ({ signature, call, feeds })))(
    '$call',
    async ({ signature, call, feeds }) => {
      const outputs = op === 'EmbedLayerNormalization' ? 'y, lengths' : 'y';
      await expectSame(graphOf(`f (${signature}) => (float y) { ${outputs} = com.microsoft.${call} }`), feeds);
      expect(Object.keys(UNFUSE)).toContain(`com.microsoft.${op}`);
    },
  );
});

test.each([-1, 1])('SimplifiedLayerNormalization from axis %d', async (axis) => {
  const scale = axis === 1 ? random(3, 8) : layer.scale;
  const model = graphOf(`f (float[2,3,8] x, float[${scale.dims}] scale) => (float y) {
    y = SimplifiedLayerNormalization<axis=${axis}, epsilon=0.01>(x, scale) }`);
  await expectSame(model, { x, scale });
});

test('the sum that SkipLayerNormalization gives', async () => {
  const model = graphOf(`f (float[2,3,8] x, float[2,3,8] s, float[8] scale) => (float y) {
    n, m, i, sum = com.microsoft.SkipLayerNormalization(x, s, scale)
    y = Mul(n, sum) }`);
  model.graph.nodes[0]!.outputs = [model.graph.nodes[0]!.outputs[0]!, '', '', 'sum'];
  await expectSame(model, { x, s: randomFloats([2, 3, 8], 9), scale: layer.scale });
});

test('lengths that EmbedLayerNormalization counts feed the mask of Attention', async () => {
  const model = graphOf(`f (int32[2,3] i, int32[2,3] m, float[9,8] t, float[5,8] p, float[8] scale, float[8] shift,
    float[8,24] w, float[24] b) => (float y) {
      e, lengths = com.microsoft.EmbedLayerNormalization(i, , t, p, , scale, shift, m)
      y = com.microsoft.Attention<num_heads=2>(e, w, b, lengths) }`);
  const ids = int32s([2, 3], [0, 8, 3, 4, 4, 1]);
  const feeds = { i: ids, m: int32s([2, 3], [1, 1, 0, 1, 1, 1]), t: random(9, 8), p: random(5, 8), ...layer };
  await expectSame(model, { ...feeds, w: random(8, 24), b: random(24) });
});

test('what cannot be written stays, and the note says why', async () => {
  const model = graphOf(`f (float[2,3,8] x, float[8,24] w, float[24] b, float[2,2,2,0,4] past) => (float y) {
    y = com.microsoft.Attention<num_heads=2>(x, w, b, , past) }`);
  const [record] = await runPasses(model, [unfuse()]);
  expect(record).toMatchObject({
    changed: 0,
    notes: ['y (com.microsoft.Attention) stays fused: past keys and values'],
  });
});

test('what does not compute in float32 stays', async () => {
  const model = graphOf('f (float16[2] x) => (float16[2] y) { y = com.microsoft.Gelu(x) }');
  const [record] = await runPasses(model, [unfuse()]);
  expect(record!.notes).toEqual(['y (com.microsoft.Gelu) stays fused: it computes in float16']);
});

test('operators that are asked for stay', async () => {
  const model = graphOf('f (float[2] x) => (float[2] y) { y = com.microsoft.Gelu(x) }');
  const [record] = await runPasses(model, [unfuse((type) => type === 'com.microsoft.Gelu')]);
  expect(record!.changed).toBe(0);
});

/** Weights, here the inputs, keep their names; the model's outputs keep their values. */
async function expectSame(model: Model, feeds: NamedValues): Promise<void> {
  const written = model.clone();
  for (const output of [...model.graph.outputs, ...written.graph.outputs]) output.type = undefined;
  const [record] = await runPasses(written, [unfuse()]);
  expect(record!.notes).toEqual([]);
  expect(written.graph.nodes.filter((node) => node.type in UNFUSE)).toEqual([]);
  const [before, after] = [(await run(model, feeds)).y!, (await run(written, feeds)).y!];
  expect(after.dims).toEqual(before.dims);
  const worst = (before.data as Float32Array).reduce(
    (most, value, k) => Math.max(most, Math.abs(value - Number(after.data[k]))),
    0,
  );
  expect(worst).toBeLessThan(2e-5);
}

async function run(model: Model, feeds: NamedValues): Promise<NamedValues> {
  const session = await Session.create(encodeModel(model), { optimization: 'disabled', threads: 1 });
  const known = new Set(session.inputs.map(({ name }) => name));
  const results = await session.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => known.has(name))));
  await session.release();
  return results;
}

test('gradients pass through what was fused', async () => {
  const model = graphOf(`f (${ATTENDED}, float[8] scale) => (float[2,3,8] y) {
    a = com.microsoft.Attention<num_heads=2>(x, w, b)
    y = com.microsoft.SkipLayerNormalization<epsilon=0.01>(a, x, scale) }`);
  await runPasses(model, [unfuse()]);
  expect(await errorAlongDirection(model, { ...attended, scale: layer.scale }, { step: 1e-3 })).toBeLessThan(1e-2);
});
