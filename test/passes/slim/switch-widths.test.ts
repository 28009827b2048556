import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/ir/model.js';
import { parseModel } from '../../../src/onnx/text.js';
import { switchWidths } from '../../../src/passes/slim/switch-widths.js';
import { outputsOf } from '../cleanup/same-outputs.js';

/** A matrix of which one width takes all, and the others a column each. */
const NESTED = {
  model: parseModel(`
    <ir_version: 8, opset_import: ["" : 17]>
    three (float[N, 2] x) => (float[N, 2] y, float[N, 1] y2, float[N, 1] y3)
    <float[2, 2] w = {1, 2, 0, 0}, float[1] zero = {0}, int64[1] first = {0}, int64[1] second = {1}>
    { h = MatMul (x, w) y = Add (h, zero)
      a = Gather <axis = 1> (w, first) h2 = MatMul (x, a) y2 = Add (h2, zero)
      b = Gather <axis = 1> (w, second) h3 = MatMul (x, b) y3 = Add (h3, zero) }`),
  outputs: [['y'], ['y2'], ['y3']],
};

async function at(share: number | undefined): Promise<number[]> {
  const { model } = await switchWidths(NESTED, [1, 0.5, 0.25], share);
  const x = { type: 'float32', dims: [1, 2], data: Float32Array.of(5, 0) } as const;
  return [...((await outputsOf(model, { x })).y!.data as Float32Array)];
}

/** Every branch in which a width is computed. */
const branchesOf = (model: Model) => [...model.graph.walk()].filter(({ name }) => name.startsWith('at_width'));

describe('switchWidths', () => {
  it('runs the narrowest width that is as wide as asked', async () => {
    expect(await at(undefined)).toEqual([5, 10]);
    expect(await at(0.75)).toEqual([5, 10]);
    expect(await at(0.5)).toEqual([5]);
    expect(await at(0.3)).toEqual([5]);
    expect(await at(0.25)).toEqual([10]);
    expect(await at(0)).toEqual([10]);
  });

  it('has the width as an input that may be left out, and the outputs of the whole model', async () => {
    const { model, width } = await switchWidths(NESTED, [1, 0.5, 0.25]);
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x', width]);
    expect([...model.graph.initializers.get(width)!.toNumbers()]).toEqual([1]);
    expect(model.graph.outputs.map(({ name }) => name)).toEqual(['y']);
  });

  it('stores the matrix once, outside, and gathers from it in every branch', async () => {
    const { model } = await switchWidths(NESTED, [1, 0.5, 0.25]);
    expect(model.graph.initializers.get('w')!.dims).toEqual([2, 2]);
    expect(branchesOf(model).map(({ nodes }) => nodes.map(({ type }) => type))).toEqual([
      ['Gather', 'MatMul', 'Add'],
      ['Gather', 'MatMul', 'Add'],
      ['Gather', 'MatMul', 'Add'],
    ]);
  });

  it('gives each branch small constants of its own', async () => {
    const { model } = await switchWidths(NESTED, [1, 0.5, 0.25]);
    for (const { initializers } of branchesOf(model))
      expect([...initializers.values()].some(({ type, dims }) => type === 'float32' && dims.length === 1)).toBe(true);
  });
});
