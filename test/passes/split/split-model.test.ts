import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inferValueTypes } from '../../../src/analysis/value-types.js';
import type { Model } from '../../../src/ir/model.js';
import type { NamedValues } from '../../../src/ir/types.js';
import { joinModels, manifestOf } from '../../../src/onnx/parts.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { removeDeadNodes } from '../../../src/passes/cleanup/remove-dead-nodes.js';
import { splitModel } from '../../../src/passes/split/split-model.js';
import { findStages } from '../../../src/passes/split/stages.js';
import { Session } from '../../../src/runtime/session.js';
import { floats, graphOf } from '../../ops/gradients/check-gradient.js';

async function split(model: Model, count: number): Promise<Model[]> {
  await removeDeadNodes.run(model);
  const facts = await inferValueTypes(model);
  const stages = findStages(model, count, { node: () => 1, transfer: (value) => facts.get(value) && 0 });
  return splitModel(model, stages, (name) => {
    const { type, dims } = facts.get(name)!;
    return { kind: 'tensor', elem: type, shape: dims };
  });
}

const namesOf = (infos: readonly { name: string }[]) => infos.map(({ name }) => name);

async function run(model: Model, feeds: NamedValues): Promise<NamedValues> {
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const results = await session.run(feeds);
  await session.release();
  return results;
}

async function runAll(parts: readonly Model[], feeds: NamedValues): Promise<NamedValues> {
  const values = { ...feeds };
  for (const part of parts) {
    const own = namesOf(part.graph.inputs).filter((name) => values[name]);
    Object.assign(values, await run(part, Object.fromEntries(own.map((name) => [name, values[name]!]))));
  }
  return values;
}

const network = `f (float[n,2] x) => (float[n,2] y, float[n,3] h)
  <float[2,3] w = {1,2,3,4,5,6}, float[3,2] v = {1,-1,2,-2,3,-3}>
  { t = Transpose<perm = [1, 0]>(w) h = MatMul(x, w) r = Relu(h) z = MatMul(r, v) u = MatMul(z, w) y = Gemm(u, t) }`;

describe('splitModel', () => {
  it('gives each part what it takes and hands over', async () => {
    const parts = await split(graphOf(network), 3);
    expect(parts.map(({ graph }) => [namesOf(graph.inputs), namesOf(graph.outputs)])).toEqual([
      [['x'], ['h']],
      [['h'], ['z']],
      [['z'], ['y']],
    ]);
    expect(parts.map(({ graph }) => [...graph.initializers.keys()])).toEqual([['w'], ['v'], ['w']]);
  });

  it('the parts give what the whole gives, and so does what they are put together to', async () => {
    const model = graphOf(network);
    const x = floats([2, 2], [1, -1, 0.5, 0.25]);
    const expected = await run(model, { x });
    const parts = await split(model, 3);
    const found = await runAll(parts, { x });
    expect({ y: found.y, h: found.h }).toEqual(expected);
    const manifest = manifestOf({ source: 'm.onnx', inputs: ['x'], outputs: ['y', 'h'], parts: [], shared: [] });
    expect(await run(joinModels(parts, manifest, 'manifest.json'), { x })).toEqual(expected);
  });

  it('values that branches capture are handed over, too', async () => {
    const model = graphOf(`f (float[2] x, bool c) => (float[2] y) {
      a = Neg(x)
      b = Exp(a)
      y = If(c) <
        then_branch = g () => (float[2] t) { t = Add(a, b) },
        else_branch = g () => (float[2] e) { e = Sub(a, b) }
      >
    }`);
    const parts = await split(model, 3);
    expect(parts.map(({ graph }) => namesOf(graph.inputs))).toEqual([['x'], ['a'], ['c', 'a', 'b']]);
    const feeds = { x: floats([2], [1, 2]), c: { type: 'bool' as const, dims: [], data: Uint8Array.of(1) } };
    expect((await runAll(parts, feeds)).y).toEqual((await run(model, feeds)).y);
  });

  it('an input with a default is an input of the parts that use it, and an unused one of the first', async () => {
    const model = graphOf(`f (float[2] x, float[2] bias, float[2] unused) => (float[2] y)
      <float[2] bias = {1,2}> { a = Neg(x) b = Add(a, bias) y = Exp(b) }`);
    const parts = await split(model, 3);
    expect(parts.map(({ graph }) => namesOf(graph.inputs))).toEqual([['x', 'unused'], ['bias', 'a'], ['b']]);
    expect(parts.map(({ graph }) => [...graph.initializers.keys()])).toEqual([[], ['bias'], []]);
  });

  it('a random network in any number of parts stays the same function', async () => {
    const edges = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.constantFrom('Add', 'Mul', 'Sub')), {
      minLength: 2,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(edges, fc.integer({ min: 2, max: 5 }), async (nodes, count) => {
        const lines = nodes.map(([a, b, op], k) => `v${k + 1} = ${op}(v${a % (k + 1)}, v${b % (k + 1)})`);
        const model = graphOf(`f (float[3] v0) => (float[3] v${nodes.length}) { ${lines.join(' ')} }`);
        const feeds = { v0: floats([3], [0.5, -1, 0.25]) };
        const name = `v${nodes.length}`;
        const parts = await split(model, count);
        expect((await runAll(parts, feeds))[name]).toEqual((await run(model, feeds))[name]);
      }),
      { numRuns: 25 },
    );
  });
});
