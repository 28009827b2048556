import { describe, expect, it } from 'vitest';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import type { Model } from '../../src/ir/model.js';
import { pairsOf, type SearchedModel } from '../../src/training/hint-pairs.js';
import { constants } from '../analysis/constants.js';
import { graphOf } from '../ops/gradients/check-gradient.js';
import { transformer } from './transformer.js';

const searched = async (model: Model, output = 'y'): Promise<SearchedModel> => ({
  path: 'some.onnx',
  model,
  facts: await inferValueTypes(model),
  output,
});

/** A chain of convolutions that halve the resolution of an image of 32 × 32 pixels. */
const network = (prefix: string, strides: readonly number[]) => {
  const kernels = Object.fromEntries(strides.map((_, k) => [`w${k}`, [2, 2, 3, 3]]));
  const nodes = strides.map(
    (stride, k) =>
      `${prefix}${k} = Conv<pads = [1,1,1,1], strides = [${stride},${stride}]>(${k ? prefix + (k - 1) : 'x'}, w${k})`,
  );
  const last = `${prefix}${strides.length - 1}`;
  return graphOf(`f (float[n,2,32,32] x) => (float[n,2] y) ${constants({ ...kernels, dense: [2, 2] })}
    { ${nodes.join(' ')} mean = GlobalAveragePool(${last}) flat = Flatten(mean) y = MatMul(flat, dense) }`);
};

const bert = (layers: number) =>
  searched(transformer({ layers, width: 4, heads: 2, vocabulary: 5, classes: 2 }), 'logits');

describe('pairsOf', () => {
  it('pairs stages of the same resolution', async () => {
    const student = await searched(network('s', [2, 1, 2, 2]));
    const teacher = await searched(network('t', [1, 1, 2, 1, 2, 1]));
    expect(pairsOf('features', student, teacher)).toEqual([
      ['s1', 't3'],
      ['s2', 't5'],
    ]);
    expect(pairsOf('attention-maps', student, teacher)).toEqual(pairsOf('features', student, teacher));
  });

  it('pairs stages by depth where no resolution is the same', async () => {
    const student = await searched(network('s', [1, 1]));
    const teacher = await searched(network('t', [4, 1, 2, 1]));
    expect(pairsOf('features', student, teacher)).toEqual([['s1', 't3']]);
  });

  it('pairs the embeddings that the scores come from', async () => {
    const [student, teacher] = [await searched(network('s', [1, 2])), await bert(1)];
    expect(pairsOf('relations', student, teacher)).toEqual([['flat', 'embedding']]);
  });

  it.each([
    [2, 4, ['0 0', '1 2', '2 4'], ['1 2', '2 4']],
    [3, 6, ['0 0', '1 2', '2 4', '3 6'], ['1 2', '2 4', '3 6']],
    [3, 4, ['0 0', '1 1', '2 3', '3 4'], ['1 1', '2 3', '3 4']],
    [2, 1, ['0 0', '1 1', '2 1'], ['1 1', '2 1']],
  ])('spreads %d layers evenly over %d', async (own, taught, states, attentions) => {
    const [student, teacher] = [await bert(own), await bert(taught)];
    const named = (kind: string, pairs: string[]) => pairs.map((pair) => pair.split(' ').map((k) => `${kind}_${k}`));
    expect(pairsOf('hidden-states', student, teacher)).toEqual(named('state', states));
    expect(pairsOf('attentions', student, teacher)).toEqual(named('attention', attentions));
  });

  it('says what it looked for in vain', async () => {
    const [cnn, text] = [await searched(network('s', [1, 2])), await bert(1)];
    expect(() => pairsOf('attentions', cnn, text)).toThrow(
      /^some.onnx: has no attentions to match: looked for attention, a softmax between two products of matrices/,
    );
    expect(() => pairsOf('hidden-states', text, cnn)).toThrow(/has no hidden-states to match/);
    expect(() => pairsOf('features', cnn, text)).toThrow(/has no features to match: looked for stages of convolutions/);
  });

  it('does not pair images with sounds', async () => {
    const sound = await searched(
      graphOf(`f (float[n,2,32] x) => (float[n,2,16] y) ${constants({ w: [2, 2, 3] })}
        { y = Conv<pads = [1,1], strides = [2]>(x, w) }`),
    );
    const image = await searched(network('s', [1, 2]));
    expect(() => pairsOf('features', image, sound)).toThrow(/1 axes of positions, those of the student 2/);
  });
});
