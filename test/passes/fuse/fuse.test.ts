import { describe, expect, it } from 'vitest';
import type { NamedValues } from '../../../src/ir/types.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { removeDeadNodes } from '../../../src/passes/cleanup/remove-dead-nodes.js';
import { fuse } from '../../../src/passes/fuse/fuse.js';
import { runPasses } from '../../../src/passes/pass.js';
import { Session } from '../../../src/runtime/session.js';
import { graphOf, randomFloats } from '../../ops/gradients/check-gradient.js';

/** Operators after the pass; the outputs have to be as they were. */
async function fused(text: string, opset = 18): Promise<string[]> {
  const model = graphOf(text, opset);
  const feeds = Object.fromEntries(
    model.graph.inputs.map(({ name, type }, k) => [
      name,
      randomFloats(type?.kind === 'tensor' ? type.shape!.map((dim) => (typeof dim === 'number' ? dim : 3)) : [], k),
    ]),
  );
  const run = async (): Promise<NamedValues> => {
    const session = await Session.create(encodeModel(model), { threads: 1 });
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  };
  const before = await run();
  await runPasses(model, [fuse, removeDeadNodes]);
  const after = await run();
  for (const [name, { data }] of Object.entries(before))
    for (const [k, value] of Array.from(data as Float32Array).entries())
      expect((after[name]!.data as Float32Array)[k]).toBeCloseTo(value, 4);
  return model.graph.nodes.map(({ type }) => type);
}

const GELU = ['com.microsoft.Gelu'];

describe('fuse writes as Gelu', () => {
  const constants = '<float root = {1.4142135}, float inverse = {0.70710677}, float one = {1}, float half = {0.5}>';
  const wrap = (body: string) => `f (float[n,8] x) => (float[n,8] y) ${constants} { ${body} }`;

  it.each([
    'u = Div(x, root) e = Erf(u) g = Add(e, one) p = Mul(x, g) y = Mul(p, half)',
    'u = Mul(inverse, x) e = Erf(u) g = Add(one, e) p = Mul(half, g) y = Mul(x, p)',
    'h = Mul(x, half) u = Mul(x, inverse) e = Erf(u) g = Add(e, one) y = Mul(h, g)',
  ])('%s', async (body) => {
    expect(await fused(wrap(body))).toEqual(GELU);
  });

  it.each([
    ['another scale', 'u = Div(x, one) e = Erf(u) g = Add(e, one) p = Mul(x, g) y = Mul(p, half)'],
    ['another factor', 'u = Div(x, root) e = Erf(u) g = Add(e, one) p = Mul(x, g) y = Mul(p, one)'],
    ['x twice', 'u = Div(x, root) e = Erf(u) g = Add(e, one) p = Mul(x, g) y = Mul(p, x)'],
    [
      'a value that others take',
      'u = Div(x, root) e = Erf(u) g = Add(e, one) p = Mul(x, g) q = Mul(p, half) y = Add(q, p)',
    ],
  ])('but not: %s', async (_, body) => {
    expect(await fused(wrap(body))).toContain('Erf');
  });
});

describe('fuse writes as LayerNormalization', () => {
  const wrap = (body: string, inputs = 'float[8] w, float[8] b') =>
    `f (float[n,5,8] x, ${inputs}) => (float[n,5,8] y)
     <int64[1] last = {-1}, int64[2] both = {1, 2}, float two = {2}, float epsilon = {0.001}> { ${body} }`;
  const parts = (axes: string) =>
    `m = ReduceMean<keepdims = 1>(x, ${axes}) d = Sub(x, m) s = Pow(d, two) v = ReduceMean<keepdims = 1>(s, ${axes})
     e = Add(v, epsilon) r = Sqrt(e) q = Div(d, r)`;

  it('the last axis, with the scale and the bias that nodes around it apply', async () => {
    expect(await fused(wrap(`${parts('last')} z = Mul(q, w) y = Add(b, z)`))).toEqual(['LayerNormalization']);
  });

  it('without a bias, and with a product for the square', async () => {
    const body = `${parts('last').replace('Pow(d, two)', 'Mul(d, d)')} z = Mul(w, q) y = Add(z, x)`;
    expect(await fused(wrap(body))).toEqual(['LayerNormalization', 'Add']);
  });

  it('two axes', async () => {
    const body = `${parts('both')} z = Mul(q, w) y = Add(z, b)`;
    expect(await fused(wrap(body, 'float[5,8] w, float[5,8] b'))).toEqual(['LayerNormalization']);
  });

  it('but not with a scale that is broadcast, or along another axis', async () => {
    const body = `${parts('last')} z = Mul(q, w) y = Add(z, b)`;
    expect(await fused(wrap(body, 'float[1] w, float[8] b'))).toContain('Sqrt');
    expect(await fused(wrap(body.replaceAll('last', 'both')))).toContain('Sqrt');
  });
});
