import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Emitter } from '../../src/ir/emitter.js';
import { Model } from '../../src/ir/model.js';
import { type AttributeLiteral, Node } from '../../src/ir/node.js';
import { Tensor } from '../../src/ir/tensor.js';
import { elementCount } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { LINEAR_MAPS, type LinearSite, type MatrixLayout } from '../../src/ops/linear.js';
import { seededRandom } from '../../src/random.js';
import { Session } from '../../src/runtime/session.js';

interface Case {
  op: string;
  x: number[];
  w: number[];
  attributes?: Record<string, AttributeLiteral>;
  step?: number;
}

/** The largest difference between the rows of a node's output and the product of its weights with its columns. */
async function gap({ op, x, w, attributes = {}, step = 1 }: Case): Promise<number> {
  const model = new Model();
  model.opsets.set('', 17);
  const random = seededRandom(1);
  const noise = (dims: readonly number[]) => Float32Array.from({ length: elementCount(dims) }, () => random() - 0.5);
  const weight = Tensor.of('w', 'float32', w, noise(w));
  model.graph.initializers.set('w', weight);
  const [name, domain] = op.split('.').reverse() as [string, string?];
  const node = new Node({
    op: name,
    domain: domain && 'com.microsoft',
    inputs: ['x', 'w'],
    outputs: ['y'],
    attributes,
  });
  if (domain) model.opsets.set('com.microsoft', 1);
  model.graph.nodes.push(node);
  model.graph.inputs.push({ name: 'x', type: { kind: 'tensor', elem: 'float32', shape: x } });
  const [map] = LINEAR_MAPS[op]!;
  const site: LinearSite = { g: new Emitter(model, 'test'), node, weight: w, layout: map!.layout(node, w)!, step };
  const [columns, rows] = [map!.columns(site, 'x'), map!.output!.rows(site, 'y')];
  model.graph.outputs.push({ name: columns }, { name: rows });
  const session = await Session.create(encodeModel(model), { optimization: 'disabled', threads: 1 });
  const results = await session.run({ x: { type: 'float32', dims: x, data: noise(x) } });
  await session.release();
  const expected = product(matrixOf(weight, site.layout), results[columns]!.data as Float32Array, site.layout);
  const found = results[rows]!;
  expect(found.dims).toEqual([site.layout.groups, site.layout.outputs, results[columns]!.dims[2]]);
  return Math.max(...expected.map((value, k) => Math.abs(value - (found.data[k] as number))));
}

/** Weights as [groups, outputs, inputs]. */
function matrixOf(weight: Tensor, { shape, perm }: MatrixLayout): number[] {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const walk = (axis: number, place: number): number[] =>
    axis === perm.length
      ? [weight.toNumbers()[place]!]
      : Array.from({ length: shape[perm[axis]!]! }, (_, k) => walk(axis + 1, place + k * strides[perm[axis]!]!)).flat();
  return walk(0, 0);
}

function product(
  matrix: readonly number[],
  columns: Float32Array,
  { groups, outputs, inputs }: MatrixLayout,
): number[] {
  const positions = columns.length / (groups * inputs);
  const index = Array.from({ length: groups * outputs * positions }, (_, k) => k);
  return index.map((k) => {
    const [row, position] = [Math.floor(k / positions), k % positions];
    const group = Math.floor(row / outputs);
    let sum = 0;
    for (let i = 0; i < inputs; i++)
      sum += matrix[row * inputs + i]! * columns[(group * inputs + i) * positions + position]!;
    return sum;
  });
}

describe('linear maps', () => {
  const dense: [string, Case][] = [
    ['MatMul', { op: 'MatMul', x: [2, 3, 4], w: [4, 5] }],
    ['MatMul, every third row', { op: 'MatMul', x: [2, 4, 4], w: [4, 5], step: 3 }],
    ['Gemm', { op: 'Gemm', x: [3, 4], w: [4, 5] }],
    ['Gemm with transposed weights', { op: 'Gemm', x: [3, 4], w: [5, 4], attributes: { transB: 1 } }],
    ['FusedMatMul', { op: 'com.microsoft.FusedMatMul', x: [2, 3, 4], w: [5, 4], attributes: { transB: 1 } }],
    ['Conv of one tap', { op: 'Conv', x: [2, 4, 5, 5], w: [6, 4, 1, 1], step: 3 }],
    ['Conv on text', { op: 'Conv', x: [2, 4, 9], w: [6, 4, 3], attributes: { pads: [2, 0], dilations: [2] } }],
    [
      'Conv that keeps the size',
      {
        op: 'Conv',
        x: [1, 4, 5, 6],
        w: [6, 2, 2, 3],
        attributes: { group: 2, auto_pad: 'SAME_LOWER', strides: [2, 1] },
        step: 3,
      },
    ],
    [
      'depthwise ConvTranspose',
      {
        op: 'ConvTranspose',
        x: [2, 4, 3, 3],
        w: [4, 1, 3, 3],
        attributes: { group: 4, strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
      },
    ],
    [
      'ConvTranspose',
      { op: 'ConvTranspose', x: [2, 4, 3, 4], w: [4, 3, 2, 3], attributes: { group: 2, strides: [1, 2] }, step: 3 },
    ],
  ];
  for (const [name, one] of dense)
    it(`multiply by the weights: ${name}`, async () => {
      expect(await gap(one)).toBeLessThan(1e-5);
    });

  it('multiply by the weights of any convolution', async () => {
    const side = fc.record({
      taps: fc.integer({ min: 1, max: 3 }),
      stride: fc.integer({ min: 1, max: 3 }),
      dilation: fc.integer({ min: 1, max: 2 }),
      before: fc.integer({ min: 0, max: 2 }),
      after: fc.integer({ min: 0, max: 2 }),
      size: fc.integer({ min: 5, max: 8 }),
    });
    const count = fc.integer({ min: 1, max: 3 });
    await fc.assert(
      fc.asyncProperty(
        side,
        side,
        count,
        count,
        count,
        fc.constantFrom(1, 3),
        async (h, v, group, inputs, outputs, step) => {
          const pair = (of: (s: typeof h) => number) => [of(h), of(v)];
          const attributes = {
            ...{ group, strides: pair((s) => s.stride), dilations: pair((s) => s.dilation) },
            pads: [...pair((s) => s.before), ...pair((s) => s.after)],
          };
          const x = [2, group * inputs, ...pair((s) => s.size)];
          const w = [group * outputs, inputs, ...pair((s) => s.taps)];
          expect(await gap({ op: 'Conv', x, w, attributes, step })).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are none where the weights are not multiplied as they are', () => {
    const node = new Node({ op: 'Gemm', inputs: ['x', 'w'], outputs: ['y'], attributes: { transA: 1 } });
    expect(LINEAR_MAPS.Gemm![0]!.layout(node, [4, 5])).toBeUndefined();
    expect(LINEAR_MAPS.MatMul![0]!.layout(node, [2, 4, 5])).toBeUndefined();
  });
});
