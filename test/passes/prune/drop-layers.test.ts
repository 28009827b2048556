import { describe, expect, it } from 'vitest';
import { findResidualLayers } from '../../../src/analysis/residual-layers.js';
import { inferSymbolicShapes } from '../../../src/analysis/symbolic-shapes.js';
import { checkModel } from '../../../src/ir/check.js';
import type { Model } from '../../../src/ir/model.js';
import { Tensor } from '../../../src/ir/tensor.js';
import { parseModel } from '../../../src/onnx/text.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { dropLayers, evenLayers, leastHarmful, prepareForDepth } from '../../../src/passes/prune/drop-layers.js';
import { Session } from '../../../src/runtime/session.js';

/** Three blocks `x + relu(x·v)·w` with weights of their own, then a dense layer. */
const BLOCKS = [1, 2, 3]
  .map(
    (k) =>
      `h${k} = MatMul(e${k - 1}, v${k}) r${k} = Relu(h${k}) o${k} = MatMul(r${k}, w${k}) e${k} = Add(e${k - 1}, o${k})`,
  )
  .join(' ');
const WEIGHTS = [1, 2, 3]
  .map((k) => `float[2,2] v${k} = {1,-1,${k},2}, float[2,2] w${k} = {${k},0.5,-1,${0.1 * k}}`)
  .join(', ');
const text = (last: string) => `<ir_version: 8, opset_import: ["": 17]> f (float[n,2] x) => (float[n,2] y)
  <${WEIGHTS}> { e0 = Tanh(x) ${BLOCKS} ${last} }`;
const DEEP = text('y = Relu(e3)');

const x = { type: 'float32' as const, dims: [2, 2], data: Float32Array.of(0.3, -0.6, 1, 2) };

async function outputOf(model: Model): Promise<number[]> {
  checkModel(model);
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const { y } = await session.run({ x });
  await session.release();
  return [...(y!.data as Float32Array)];
}

async function layersOf(model: Model) {
  return findResidualLayers(model, (await inferSymbolicShapes(model)).facts).layers;
}

describe('dropLayers', () => {
  it.each([[[0]], [[1]], [[2]], [[0, 1]], [[0, 2]], [[0, 1, 2]]])(
    'gives what a block of zeros would: %j',
    async (which) => {
      const model = parseModel(DEEP);
      const layers = await layersOf(model);
      expect(layers).toHaveLength(3);
      const shallow = dropLayers(
        model,
        which.map((k) => layers[k]!),
      );
      expect(shallow.graph.nodes).toHaveLength(model.graph.nodes.length - 4 * which.length);
      expect(shallow.graph.initializers.size).toBe(6 - 2 * which.length);
      const zeros = Tensor.from('', 'float32', [2, 2], [0, 0, 0, 0]);
      for (const k of which) model.graph.initializers.set(`w${k + 1}`, zeros.renamed(`w${k + 1}`));
      expect(await outputOf(shallow)).toEqual(await outputOf(model));
    },
  );

  it('keeps the names of outputs', async () => {
    const model = parseModel(text('').replaceAll('e3', 'y'));
    const shallow = dropLayers(model, (await layersOf(model)).slice(2));
    expect(shallow.graph.outputs.map(({ name }) => name)).toEqual(['y']);
    expect(shallow.graph.nodes.at(-1)!.outputs).toEqual(['y']);
    await outputOf(shallow);
  });

  it('takes fused sums apart', async () => {
    const block = (
      from: string,
      to: string,
    ) => `h${to} = MatMul(${from}, v1) r${to} = Relu(h${to}) o${to} = MatMul(r${to}, w1)
      ${to} = com.microsoft.SkipLayerNormalization(${from}, o${to}, g, b)`;
    const model = await prepareForDepth(
      parseModel(`<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]> f (float[n,1,2] x) => (float[n,1,2] y)
        <${WEIGHTS}, float[2] g = {1,2}, float[2] b = {0.5,1}>
        { e = LayerNormalization(x, g, b) ${block('e', 'i')} ${block('i', 'j')} y = Relu(j) }`),
    );
    const layers = await layersOf(model);
    expect(layers.map(({ input, output }) => [input, output])).toEqual([
      ['e', 'i'],
      ['i', 'j'],
    ]);
    expect(dropLayers(model, layers).graph.nodes.map(({ op }) => op)).toEqual(['LayerNormalization', 'Relu']);
  });
});

describe('evenLayers', () => {
  it('spreads layers from the first to the last', () => {
    expect([...evenLayers(12, 6)]).toEqual([0, 2, 4, 7, 9, 11]);
    expect([...evenLayers(6, 2)]).toEqual([0, 5]);
    expect([...evenLayers(6, 1)]).toEqual([0]);
    expect([...evenLayers(3, 3)]).toEqual([0, 1, 2]);
  });
});

describe('leastHarmful', () => {
  it('measures again after each layer that goes', async () => {
    const model = parseModel(DEEP);
    const layers = await layersOf(model);
    const asked: number[] = [];
    const found = await leastHarmful(model, layers, 2, async (models) => {
      asked.push(models.length);
      expect(models[0]!().graph.nodes.length).toBe(model.graph.nodes.length - 4 * asked.length);
      // By the sum of the weights left: w2 goes first, then what is said of the two that are left.
      return asked.length === 1 ? [1, 3, 2] : [1, 2];
    });
    expect(found).toEqual([layers[1], layers[2]]);
    expect(asked).toEqual([3, 2]);
  });
});
