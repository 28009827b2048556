import { describe, expect, it } from 'vitest';
import { transformerLayers } from '../../src/analysis/transformer-layers.js';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import type { Model } from '../../src/ir/model.js';
import { graphOf } from '../ops/gradients/check-gradient.js';
import { transformer } from '../training/transformer.js';
import { constants } from './constants.js';

const layersOf = async (model: Model) => transformerLayers(model, await inferValueTypes(model));

const sizes = { layers: 2, width: 8, heads: 2, vocabulary: 9, classes: 3 };

describe('transformerLayers', () => {
  it.each([
    ['normalized behind attention', {}],
    ['normalized before attention', { normFirst: true }],
    ['with the tokens first', { tokensFirst: true }],
  ])('finds attention and hidden states of a transformer %s', async (_, more) => {
    expect(await layersOf(transformer({ ...sizes, ...more }))).toEqual({
      attentions: ['attention_1', 'attention_2'],
      hiddenStates: ['state_0', 'state_1', 'state_2'],
    });
  });

  it('finds attention in three axes, and with something between', async () => {
    const model =
      graphOf(`f (float[n,4,6] q, float[n,6,4] k, float[n,4,5] v, bool[n,4,4] m) => (float[n,4,5] y) <float low = {-1000.0}>
      { s = MatMul(q, k) w = Where(m, s, low) p = Softmax(w) d = Dropout(p) y = MatMul(d, v) }`);
    expect(await layersOf(model)).toEqual({ attentions: ['p'], hiddenStates: [] });
  });

  it.each([
    [
      'a softmax at the end',
      'f (float[n,4,6] q, float[n,6,4] k) => (float[n,4,4] y) { s = MatMul(q, k) y = Softmax(s) }',
    ],
    [
      'a softmax of a layer with weights',
      `f (float[n,4,6] x) => (float[n,4,4] y) ${constants({ w: [6, 4], u: [4, 4] })} { s = MatMul(x, w) p = Softmax(s) y = MatMul(p, u) }`,
    ],
    [
      'a softmax over another axis',
      'f (float[n,4,6] q, float[n,6,4] k, float[n,4,5] v) => (float[n,4,5] y) { s = MatMul(q, k) p = Softmax<axis = 1>(s) y = MatMul(p, v) }',
    ],
  ])('takes %s for no attention', async (_, text) => {
    expect((await layersOf(graphOf(text))).attentions).toEqual([]);
  });

  it('finds hidden states that are normalized without a scale, in parts', async () => {
    const model = graphOf(`f (float[n,4,8] x) => (float[n,4,8] y)
      <float e = {1e-5}, float two = {2.0}, int64[1] last = {-1}>
      {
        m = ReduceMean(x, last) c = Sub(x, m) p = Pow(c, two) v = ReduceMean(p, last) a = Add(v, e) r = Sqrt(a) h = Div(c, r)
        t = Transpose<perm = [0,2,1]>(h) s = MatMul(h, t) q = Softmax(s) y = MatMul(q, h)
      }`);
    expect(await layersOf(model)).toEqual({ attentions: ['q'], hiddenStates: ['h'] });
  });

  it('finds hidden states where attention is one operator', async () => {
    const model = graphOf(`f (float[n,4,8] x) => (float[n,4,8] y) ${constants({ a: [8], b: [8], w: [8, 24], c: [24] })}
      { h = LayerNormalization(x, a, b) m = com.microsoft.Attention<num_heads = 2>(h, w, c) r = Add(x, m) y = LayerNormalization(r, a, b) }`);
    expect(await layersOf(model)).toEqual({ attentions: [], hiddenStates: ['h', 'y'] });
  });
});
