import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/ir/model.js';
import type { NamedValues } from '../../../src/ir/types.js';
import { decodeModel } from '../../../src/onnx/read.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { type ExitDesign, withExits } from '../../../src/passes/exits/design.js';
import { flatten } from '../../../src/passes/exits/flatten.js';
import { MEASURES } from '../../../src/passes/exits/uncertainty.js';
import { numbers, parse, run } from './run.js';

/** Three exits; the second and the last take a value that has no axis for the samples, and one that was computed before the first. */
const GRAPH = `f (float[n,2] x) => (float[n,2] y)
  <float[2,2] one = {1,0,0,1}, float[2,2] ten = {10,0,0,10}, float[2,2] less = {-1,0,0,-1}, int64[2] wide = {-1,2}>
  {
    a = MatMul(x, one)
    form = Shape(a)
    b = MatMul(a, ten)
    c = Reshape(b, form)
    d = Add(c, a)
    e = MatMul(d, less)
    y = Reshape(e, form)
  }`;

const designOf = (thresholds: readonly number[], measure: ExitDesign['measure'] = 'margin'): ExitDesign => ({
  ...{ output: 'y', macs: 8, costs: [0.5, 1, 1.5], thresholds, measure },
  form: { kind: 'single-label', probabilities: false, width: 2 },
  exits: [
    { name: 'first', scores: 'a', temperature: 2 },
    { name: 'second', scores: 'c', temperature: 0.5 },
    { name: 'last', scores: 'y', temperature: 1 },
  ],
});

const rows = (data: readonly (readonly number[])[]): NamedValues => ({
  x: { type: 'float32', dims: [data.length, 2], data: Float32Array.from(data.flat()) },
});

const written = (model: Model) => decodeModel(encodeModel(model), 'model.onnx');

describe('flatten', () => {
  it('gives what the model was made of, by which it comes out again', async () => {
    const design = designOf([0.25, 0.5]);
    const { flat, design: found } = (await flatten(written(await withExits(parse(GRAPH), design))))!;
    expect(found).toEqual({ ...design, names: { threshold: 'threshold', exit: 'exit' } });
    expect(flat.graph.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(flat.graph.outputs.map(({ name }) => name)).toEqual(['y', 'a', 'c']);
    expect(flat.graph.nodes.some(({ type }) => type === 'If' || type === 'Compress')).toBe(false);
    expect([...flat.graph.initializers.keys()].sort()).toEqual(['less', 'one', 'ten']);
    expect(flat.metadata.size).toBe(0);
  });

  it('gives every sample the scores and the exit that it had', async () => {
    const sample = fc.tuple(fc.float({ min: -9, max: 9, noNaN: true }), fc.float({ min: -9, max: 9, noNaN: true }));
    const threshold = fc.oneof(fc.constantFrom(0, 1), fc.float({ min: 0, max: 1, noNaN: true }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(sample, { minLength: 1, maxLength: 6 }),
        fc.tuple(threshold, threshold),
        fc.constantFrom(...MEASURES),
        async (samples, thresholds, measure) => {
          const model = await withExits(parse(GRAPH), designOf(thresholds, measure));
          const { flat, design } = (await flatten(model))!;
          const again = await run(await withExits(flat, design), rows(samples));
          expect(again).toEqual(await run(model, rows(samples)));
          const all = await run(flat, rows(samples));
          const exits = numbers(again, 'exit');
          const expected = exits.flatMap((exit, row) =>
            numbers(all, ['a', 'c', 'y'][exit]!).slice(2 * row, 2 * row + 2),
          );
          expect(numbers(again, 'y')).toEqual(expected);
          for (const [k, given] of thresholds.entries()) {
            if (given === 0) expect(exits).not.toContain(k);
            if (given === 1) expect(Math.max(...exits)).toBeLessThanOrEqual(k);
          }
        },
      ),
      { numRuns: 12 },
    );
  });

  it('takes one sample at a time, as the file does', async () => {
    const model = await withExits(parse(GRAPH.replaceAll('float[n,2]', 'float[1,2]')), designOf([0.1, 0.2]));
    const { flat } = (await flatten(model))!;
    expect(numbers(await run(flat, rows([[1, 2]])), 'y')).toEqual([-11, -22]);
  });

  it('keeps the names that were given, whatever the model calls its own values', async () => {
    const model = await withExits(
      parse(GRAPH.replaceAll('one', 'threshold').replaceAll(/\bd\b/g, 'exit')),
      designOf([0, 0]),
    );
    const { flat, design } = (await flatten(model))!;
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x', 'threshold_1']);
    const { graph } = await withExits(flat, design);
    expect(graph.inputs).toEqual(model.graph.inputs);
    expect(graph.outputs).toEqual(model.graph.outputs);
  });

  it('leaves any other model alone, and one that was changed since', async () => {
    expect(await flatten(parse(GRAPH))).toBeUndefined();
    const changed = async (change: (model: Model) => void) => {
      const model = await withExits(parse(GRAPH), designOf([0.25, 0.5]));
      change(model);
      return flatten(model);
    };
    const nodeOf = (model: Model, op: string) =>
      [...model.graph.walk()].flatMap(({ nodes }) => nodes).find((node) => node.op === op)!;
    expect(await changed(() => {})).toBeDefined();
    expect(await changed((model) => Object.assign(nodeOf(model, 'Less'), { op: 'LessOrEqual' }))).toBeUndefined();
    expect(await changed((model) => nodeOf(model, 'If').inputs.fill('x'))).toBeUndefined();
    expect(await changed((model) => Object.assign(nodeOf(model, 'Identity'), { op: 'Neg' }))).toBeUndefined();
    expect(await changed((model) => nodeOf(model, 'Compress').set('axis', 1))).toBeUndefined();
    const cardless = ({ metadata }: Model) =>
      metadata.set(
        'nncompress.exits',
        metadata.get('nncompress.exits')!.replace('"measure":"margin"', '"measure":"?"'),
      );
    expect(await changed(cardless)).toBeUndefined();
  });
});
