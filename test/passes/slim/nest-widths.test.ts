import { describe, expect, it } from 'vitest';
import { exampleInputs } from '../../../src/analysis/example-inputs.js';
import { readModel } from '../../../src/onnx/read.js';
import { parseModel } from '../../../src/onnx/text.js';
import { removeChannels } from '../../../src/passes/prune/remove-channels.js';
import { nestWidths, widthAlone } from '../../../src/passes/slim/nest-widths.js';
import { switchWidths } from '../../../src/passes/slim/switch-widths.js';
import { outputsOf } from '../cleanup/same-outputs.js';
import { difference } from '../onnx-testdata.js';
import { type Prunable, prunable } from '../prune/oracle.js';

const TWO_LAYERS = `
  <ir_version: 8, opset_import: ["" : 17]>
  two (float[N, 2] x) => (float[N, 2] y)
  <float[2, 3] v = {1, 2, 3, 4, 5, 6}, float[3] b = {10, 20, 30}, float[3, 2] w = {1, 0, 0, 1, 1, 1}>
  { m = MatMul (x, v) h = Add (m, b) y = MatMul (h, w) }`;

/** Nothing, the last channel of each group, and the last two. */
const removals = ({ found }: Prunable, counts: readonly number[]) =>
  counts.map(
    (count) =>
      new Map(
        found.groups.map((group) => {
          const gone = Math.min(count, group.size - 1);
          return [group, new Set(Array.from({ length: gone }, (_, k) => group.size - 1 - k))];
        }),
      ),
  );

describe('a model at several widths', () => {
  it('has its matrices once, and vectors of its own at each width', async () => {
    const part = await prunable(parseModel(TWO_LAYERS));
    const { model, outputs } = await nestWidths(part.model, part.found, removals(part, [0, 1]));
    expect(outputs).toEqual([['y'], [expect.stringMatching(/^y_/)]]);
    const floats = [...model.graph.initializers.values()].filter(({ type }) => type === 'float32');
    expect(floats.map(({ dims }) => dims)).toEqual([[2, 3], [3], [3, 2], [2]]);
  });

  it('gives at once what each width gives alone', async () => {
    const part = await prunable(parseModel(TWO_LAYERS));
    const { model } = await nestWidths(part.model, part.found, removals(part, [0, 1, 2]));
    const x = { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 1) } as const;
    const all = await outputsOf(model, { x });
    // h is 15, 27, 39: y takes the first and the third, and the second and the third.
    expect(Object.values(all).map(({ data }) => [...(data as Float32Array)])).toEqual([
      [54, 66],
      [15, 27],
      [15, 0],
    ]);
  });

  for (const name of ['digits-m5', 'digits-dscnn'])
    it(`is what pruning makes, and so are its switch and its widths alone: ${name}`, async () => {
      const part = await prunable(readModel(`fixtures/${name}/model.onnx`));
      const all = removals(part, [0, 3, 7]);
      const nested = await nestWidths(part.model, part.found, all);
      const feeds = exampleInputs(part.model, []);
      const shares = [1, 0.7, 0.3];
      for (const [k, removed] of all.entries()) {
        const expected = Object.values(
          await outputsOf(k ? await removeChannels(part.model, part.found, removed) : part.model, feeds),
        )[0]!;
        const { model } = await switchWidths(nested, shares, shares[k]);
        for (const form of [await widthAlone(nested, k), model])
          expect(difference(Object.values(await outputsOf(form, feeds))[0], expected)).toBeLessThan(1e-5);
      }
    });
});
