import { describe, expect, it } from 'vitest';
import { parseModel } from '../../../src/onnx/text.js';
import { surveyPruning } from '../../../src/passes/prune/survey.js';

describe('surveyPruning', () => {
  it('tells groups of channels, layers, and what has to stay', async () => {
    const model = parseModel(`<ir_version: 8, opset_import: ["": 17]> f (float[n,2] x) => (float[n,2] y)
      <float[2,3] a = {1,2,3,4,5,6}, float[3,4] v = {1,2,3,4,5,6,7,8,9,10,11,12}, float[4,3] w = {1,2,3,4,5,6,7,8,9,10,11,12},
       float[3,2] b = {1,2,3,4,5,6}>
      { [first] e = MatMul(x, a) [up] h = MatMul(e, v) r = Relu(h) [down] o = MatMul(r, w) [sum] s = Add(e, o)
        [last] y = MatMul(s, b) }`);
    expect(await surveyPruning(model)).toEqual({
      groups: [
        { name: 'first', channels: 3, layers: ['first', 'down'] },
        { name: 'up', channels: 4, layers: ['up'] },
      ],
      refused: [{ name: 'last', op: 'MatMul', channels: 2, of: 2, reason: 'graph output y' }],
      layers: ['sum'],
      refusedLayers: [],
    });
    expect(model.graph.nodes).toHaveLength(6);
  });
});
