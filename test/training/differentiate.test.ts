import { describe, expect, it } from 'vitest';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { differentiate, findObstacles } from '../../src/training/differentiate.js';
import { floats, graphOf } from '../ops/gradients/check-gradient.js';

const targets = new Map([['y', 'dy']]);

describe('differentiate', () => {
  it('appends the backward pass, for values on the way from a parameter to a target alone', async () => {
    const model = graphOf(`f (float[2] w, float[2] x, float[2] dy) => (float[2] y)
      { a = Exp(x) b = Mul(a, w) y = Neg(b) aside = Exp(b) }`);
    const facts = await inferValueTypes(model);
    const gradients = differentiate(model, targets, ['w', 'x_unknown'], { facts });
    expect([...gradients.keys()]).toEqual(['w']);
    expect(model.graph.nodes.slice(4).map(({ type }) => type)).toEqual(['Neg', 'Mul']);
  });

  it('sums over targets, and differentiates by values inside', async () => {
    const model = graphOf(`f (float[2] x, float[2] dy, float[2] dz) => (float[2] y, float[2] z)
      { a = Neg(x) y = Mul(a, a) z = Neg(a) }`);
    const facts = await inferValueTypes(model);
    const both = new Map([
      ['y', 'dy'],
      ['z', 'dz'],
    ]);
    const gradients = differentiate(model, both, ['a', 'x'], { facts });
    model.graph.outputs = [...gradients.values()].map((name) => ({ name }));
    const session = await Session.create(encodeModel(model), { threads: 1 });
    const results = await session.run({
      x: floats([2], [1, 2]),
      dy: floats([2], [1, 10]),
      dz: floats([2], [100, 1000]),
    });
    await session.release();
    const found = [...gradients].map(([name, gradient]) => [name, [...(results[gradient]!.data as Float32Array)]]);
    expect(found).toEqual([
      ['a', [-2 - 100, -40 - 1000]],
      ['x', [102, 1040]],
    ]);
  });

  it('ends where small changes change nothing, and at integers', async () => {
    const model = graphOf(`f (float[2] w, float[2] v, float[2] u, float[2] dy) => (float[2] y)
      { r = Round(w) i = Cast<to = 7>(v) f = Cast<to = 1>(i) s = Add(r, f) y = Mul(s, u) }`);
    const facts = await inferValueTypes(model);
    expect([...differentiate(model, targets, ['w', 'v', 'u'], { facts }).keys()]).toEqual(['u']);
  });
});

describe('what stands in the way is named, all of it at once', () => {
  const text = `f (float[2,2] w, float[2,2] dy) => (float[2,2] y)
    { [inverse] a = NoGradientOne(w) b = Exp(a) y = Det2(b) }`;

  it('operators without gradients', async () => {
    const model = graphOf(
      text.replace('NoGradientOne', 'com.microsoft.Unknown').replace('Det2', 'com.microsoft.Other'),
    );
    const facts = new Map(['w', 'a', 'b', 'y', 'dy'].map((name) => [name, { type: 'float32' as const, dims: [2, 2] }]));
    const nodes = model.graph.nodes.length;
    const { obstacles: found } = findObstacles(model, targets, ['w'], { facts });
    expect(found.map(({ node, reason }) => [node.label, reason])).toEqual([
      ['y', 'com.microsoft.Other has no gradient'],
      ['inverse', 'com.microsoft.Unknown has no gradient'],
    ]);
    expect(model.graph.nodes).toHaveLength(nodes);
    expect(() => differentiate(model, targets, ['w'], { facts })).toThrow(
      'cannot be trained: y (com.microsoft.Other): com.microsoft.Other has no gradient; ' +
        'inverse (com.microsoft.Unknown): com.microsoft.Unknown has no gradient; freeze the layers up to there',
    );
  });

  it('but not those that no gradient has to pass', async () => {
    const model = graphOf(`f (float[2,2] x, float[2,2] w, float[2,2] dy) => (float[2,2] y)
      { a = com.microsoft.Unknown(x) y = Mul(a, w) }`);
    const facts = new Map(['x', 'w', 'a', 'y', 'dy'].map((name) => [name, { type: 'float32' as const, dims: [2, 2] }]));
    expect(findObstacles(model, targets, ['w'], { facts })).toEqual({ obstacles: [], reached: ['w'] });
  });
});
