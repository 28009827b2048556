import { describe, expect, it, test } from 'vitest';
import { Emitter } from '../../src/ir/emitter.js';
import * as hints from '../../src/training/hint-losses.js';
import { meanSquaredError } from '../../src/training/losses.js';
import { checkGradient, floats, graphOf, randomFloats } from '../ops/gradients/check-gradient.js';
import { expectClose, lossAndGradient } from './loss-and-gradient.js';

// The expected numbers are PyTorch 2.13's. For relations the authors' code (RKdAngle, RkdDistance) was run, without its
// last mean.
describe('losses of inner values and their gradients are those of PyTorch', () => {
  test('attention maps of feature maps', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,2,2,2] z, float[n,1,2,2] t',
      (g) => meanSquaredError(g, hints.attentionMap(g, 'z'), hints.attentionMap(g, 't')),
      {
        z: floats([2, 2, 2, 2], [1, -2, 0.5, 3, 2, 0, 1, -1, 0, 1, 1, 2, -1, 0.5, 2, 0]),
        t: floats([2, 1, 2, 2], [2, 1, 0, -1, 1, 1, -2, 0.5]),
      },
    );
    expectClose(loss, [0.1644092, 0.08557339]);
    expectClose(gradient, [
      ...[-0.02771132, 0.0009087101, 0.001471244, 0.04100877, -0.05542263, 0, 0.002942489, -0.01366959],
      ...[0, -0.002966538, -0.01186615, 0.03359732, 0.00415571, -0.001483269, -0.0237323, 0],
    ]);
  });

  test('adaptive average pooling: windows of an odd size overlap', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,1,5,3] z',
      (g) => {
        const pooled = hints.adaptiveAveragePool(g, 'z', [5, 3], [2, 2]);
        return meanSquaredError(g, pooled, g.sub(pooled, pooled));
      },
      {
        z: floats(
          [2, 1, 5, 3],
          Float32Array.from({ length: 30 }, (_, k) => k ** 1.5 / 10),
        ),
      },
    );
    expect(loss[0]).toBeCloseTo(5.718148, 4);
    expect(loss[1]).toBeCloseTo(113.6202, 3);
    expectClose(gradient.slice(0, 9), [
      ...[0.03292594, 0.07747902, 0.04455309, 0.03292594, 0.07747902, 0.04455309, 0.1581213, 0.3474721, 0.1893508],
    ]);
    expectClose(gradient.slice(-3), [0.2536309, 0.5228668, 0.269236]);
  });

  const student = [1, 2, 0, -1, 3, 0.5, -2, 1];
  const teacher = [1, 0, 2, 0, 1, -1, 2, 2, 0.5, -1, 0, 3];

  test('relations of a batch', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,2] z, float[n,3] t',
      (g) => hints.relationalDistance(g, 'z', 't', 'w'),
      { z: floats([4, 2], student), t: floats([4, 3], teacher) },
      [0.25, 0.25, 0.25, 0.25],
    );
    expectClose(loss, [0.08863747, 0.09383251, 0.04308986, 0.04215568]);
    expectClose(gradient, [
      ...[0.02355415, -0.005736412, -0.03743155, 0.04852766, 0.02155436, 0.001558796, -0.007676959, -0.04435005],
    ]);
  });

  test('relations leave out rows that only fill the batch', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,2] z, float[n,3] t',
      (g) => hints.relationalDistance(g, 'z', 't', 'w'),
      { z: floats([4, 2], student), t: floats([4, 3], teacher) },
      [1 / 3, 1 / 3, 1 / 3, 0],
    );
    expectClose(loss, [0.02289264, 0.009110075, 0.01683898]);
    expectClose(gradient, [0.002816753, -0.03932096, -0.02715289, 0.01122915, 0.02433614, 0.02809181, 0, 0]);
  });

  const states = floats([2, 3, 2], [1, 2, 0, -1, 3, 0.5, -2, 1, 0.5, 0.5, 1, 1]);
  const taught = floats([2, 3, 2], [0, 2, 1, -1, 2, 0, -1, 1, 0, 0, 5, 5]);

  test.each<[mask: string | undefined, number[], number[]]>([
    ['m', [0.5416667, 0.375], [0.1666667, 0, -0.1666667, 0, 0.1666667, 0.08333334, -0.125, 0, 0.0625, 0.0625, 0, 0]],
    [
      undefined,
      [0.5416667, 5.583333],
      [
        ...[0.1666667, 0, -0.1666667, 0, 0.1666667, 0.08333334],
        ...[-0.08333334, 0, 0.04166667, 0.04166667, -0.3333333, -0.3333333],
      ],
    ],
  ])('hidden states, with the mask %s', async (mask, expectedLoss, expected) => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3,2] z, float[n,3,2] t, float[n,3] m',
      (g) => hints.hiddenStateDistance(g, 'z', 't', mask),
      { z: states, t: taught, m: floats([2, 3], [1, 1, 1, 1, 1, 0]) },
    );
    expectClose(loss, expectedLoss);
    expectClose(gradient, expected);
  });

  const attention = floats(
    [2, 2, 3, 3],
    [
      ...[0.5, 0.3, 0.2, 0.1, 0.8, 0.1, 0.2, 0.2, 0.6, 0.6, 0.2, 0.2, 0.3, 0.4, 0.3, 0.1, 0.1, 0.8],
      ...[0.5, 0.5, 0, 0.25, 0.75, 0, 0.4, 0.6, 0, 0.9, 0.1, 0, 0.3, 0.7, 0, 0.5, 0.5, 0],
    ],
  );
  const attended = floats(
    [2, 2, 3, 3],
    [
      ...[0.2, 0.3, 0.5, 0.3, 0.4, 0.3, 0.1, 0.3, 0.6, 0.1, 0.8, 0.1, 0.3, 0.4, 0.3, 0.2, 0.1, 0.7],
      ...[0.2, 0.8, 0, 0.5, 0.5, 0, 0.1, 0.9, 0, 0.6, 0.4, 0, 0.2, 0.8, 0, 0.3, 0.7, 0],
    ],
  );
  const first = [
    ...[-0.03333334, -0.08333334, -0.2083333, -0.25, -0.04166667, -0.25, -0.04166667, -0.125, -0.08333334],
    ...[-0.01388889, -0.3333333, -0.04166667, -0.08333334, -0.08333334, -0.08333334, -0.1666667, -0.08333334],
    -0.07291666,
  ];

  test.each<[mask: string | undefined, number[], number[]]>([
    [
      'm',
      [0.2691371, 0.1683892],
      [
        ...[-0.025, -0.1, 0, -0.125, -0.04166667, 0, 0, 0, 0],
        ...[-0.04166667, -0.25, 0, -0.04166666, -0.07142857, 0, 0, 0, 0],
      ],
    ],
    [
      undefined,
      [0.2691371, 0.1636881],
      [
        ...[-0.01666667, -0.06666667, 0, -0.08333334, -0.02777778, 0, -0.01041667, -0.0625, 0],
        ...[-0.02777778, -0.1666667, 0, -0.02777778, -0.04761905, 0, -0.025, -0.05833333, 0],
      ],
    ],
  ])('attention distributions, with the mask %s', async (mask, expectedLoss, second) => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,2,3,3] z, float[n,2,3,3] t, float[n,3] m',
      (g) => hints.attentionDivergence(g, 'z', 't', mask),
      { z: attention, t: attended, m: floats([2, 3], [1, 1, 1, 1, 1, 0]) },
    );
    expectClose(loss, expectedLoss);
    expectClose(gradient, [...first, ...second]);
  });
});

describe('gradients of losses of inner values agree with finite differences', () => {
  const check = async (text: string, build: (g: Emitter) => string, dims: readonly number[], step = 1e-2) => {
    const model = graphOf(text);
    const y = build(new Emitter(model, 'loss'));
    model.graph.outputs = [{ name: y, type: { kind: 'tensor', elem: 'float32' } }];
    await checkGradient(model, { z: randomFloats(dims, 3) }, { step, tolerance: 2e-2 });
  };

  it('attention maps of a pooled feature map', () =>
    check(
      'f (float[2,3,4,4] z) => (float[2] y) { y = ReduceSum(z) }',
      (g) => {
        const map = hints.attentionMap(g, hints.adaptiveAveragePool(g, 'z', [4, 4], [3, 2]));
        return meanSquaredError(g, map, g.constantOf('float32', [1, 6], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]));
      },
      [2, 3, 4, 4],
    ));

  it('relations', () =>
    check(
      'f (float[5,3] z) => (float[5] y) { y = ReduceSum(z) }',
      (g) => {
        const teacher = g.constantOf('float32', [5, 2], [1, 2, -1, 0, 3, 1, 0.5, -2, 2, 2]);
        return hints.relationalDistance(g, 'z', teacher, g.constantOf('float32', [5], [1, 1, 1, 1, 0]));
      },
      [5, 3],
      1e-3,
    ));

  it('attention distributions', () =>
    check(
      'f (float[2,2,3,3] z) => (float[2] y) { y = ReduceSum(z) }',
      (g) => {
        const teacher = g.op('Softmax', [g.constantOf('float32', [1, 1, 3, 3], [1, 2, 3, 0, 0, 1, 2, -1, 0])]);
        const mask = g.constantOf('float32', [2, 3], [1, 1, 1, 1, 1, 0]);
        return hints.attentionDivergence(g, g.op('Softmax', [g.op('Mul', ['z', 2])]), teacher, mask);
      },
      [2, 2, 3, 3],
    ));
});

describe('what losses of inner values do beside', () => {
  it('rows that coincide have no direction: the gradient is finite', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,2] z, float[n,2] t',
      (g) => hints.relationalDistance(g, 'z', 't', 'w'),
      { z: floats([3, 2], [0, 0, 0, 0, 1, 1]), t: floats([3, 2], [1, 2, 0, 3, -1, 0]) },
      [0.5, 0.25, 0.25],
    );
    expect([...loss, ...gradient].every(Number.isFinite)).toBe(true);
    expect(Math.max(...gradient.map(Math.abs))).toBeLessThan(10);
  });

  it('a single row has no relations', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,2] z, float[n,2] t',
      (g) => hints.relationalDistance(g, 'z', 't', 'w'),
      { z: floats([1, 2], [1, 2]), t: floats([1, 2], [3, 4]) },
      [1],
    );
    expectClose([...loss, ...gradient], [0, 0, 0]);
  });

  it('a feature map of zeros has a map of zeros, and a finite gradient', async () => {
    const { gradient } = await lossAndGradient(
      'float[n,1,2,2] z, float[n,1,2,2] t',
      (g) => meanSquaredError(g, hints.attentionMap(g, 'z'), hints.attentionMap(g, 't')),
      { z: floats([2, 1, 2, 2], [0, 0, 0, 0, 1, 2, 3, 4]), t: floats([2, 1, 2, 2], [1, 2, 3, 4, 1, 2, 3, 4]) },
    );
    expectClose(gradient, [0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('a share of rows without any token costs nothing', async () => {
    const { loss } = await lossAndGradient(
      'float[n,1,2] z, float[n,1,2] t, float[n,1] m',
      (g) => hints.hiddenStateDistance(g, 'z', 't', 'm'),
      { z: floats([2, 1, 2], [1, 2, 3, 4]), t: floats([2, 1, 2], [0, 0, 0, 0]), m: floats([2, 1], [0, 1]) },
    );
    expectClose(loss, [0, 12.5]);
  });
});
