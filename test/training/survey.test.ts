import { describe, expect, it } from 'vitest';
import { parseModel } from '../../src/onnx/text.js';
import { surveyGradients } from '../../src/training/survey.js';
import { graphOf } from '../ops/gradients/check-gradient.js';

describe('surveyGradients', () => {
  it('counts what can be trained', async () => {
    const model = graphOf(`f (float[n,2] x) => (float[n,1] y)
      <float[2,3] w = {1,2,3,4,5,6}, float[3] b = {0,0,0}, float[3,1] v = {1,1,1}>
      { h = Gemm(x, w, b) r = Relu(h) y = MatMul(r, v) }`);
    expect(await surveyGradients(model)).toEqual({
      parameters: 12,
      tensors: 3,
      operators: [
        { type: 'Gemm', nodes: 1, gradient: 'yes' },
        { type: 'Relu', nodes: 1, gradient: 'yes' },
        { type: 'MatMul', nodes: 1, gradient: 'yes' },
      ],
      obstacles: [],
    });
    expect(model.graph.inputs).toHaveLength(1);
  });

  it('names what stands in the way, and where gradients end', async () => {
    const model = graphOf(`f (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1,2,3,4}, float[2,2] v = {1,2,3,4}> {
      a = MatMul(x, w)
      [inverse] b = com.microsoft.Inverse(a)
      r = Round(b)
      s = Add(r, b)
      y = MatMul(s, v)
    }`);
    const { operators, obstacles } = await surveyGradients(model);
    expect(operators).toEqual([
      { type: 'MatMul', nodes: 2, gradient: 'yes' },
      { type: 'com.microsoft.Inverse', nodes: 1, gradient: 'no' },
      { type: 'Round', nodes: 1, gradient: 'ends here' },
      { type: 'Add', nodes: 1, gradient: 'yes' },
    ]);
    expect(obstacles).toEqual([
      { node: 'inverse', type: 'com.microsoft.Inverse', reason: 'com.microsoft.Inverse has no gradient' },
    ]);
  });

  it('names what gives an output that no weight moves', async () => {
    const model = graphOf(`f (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1,2,3,4}> {
      a = MatMul(x, w)
      [sign] y = Sign(a)
    }`);
    expect((await surveyGradients(model)).obstacles).toEqual([
      { node: 'sign', type: 'Sign', reason: 'no gradient gets from here to a weight' },
    ]);
  });

  it('a model without weights has nothing to train', async () => {
    const model = graphOf('f (float[n,2] x) => (float[n,2] y) { y = Relu(x) }');
    await expect(surveyGradients(model)).rejects.toThrow('has no weights that could be trained');
  });

  it('says of a function of the model that its operators are wanted', async () => {
    const model = parseModel(`<ir_version: 8, opset_import: ["": 18, "my": 1]>
      f (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1,2,3,4}> { a = MatMul(x, w) y = my.Block(a) }
      <domain: "my", opset_import: ["": 18]> Block (a) => (b) { b = Relu(a) }`);
    const { obstacles } = await surveyGradients(model);
    expect(obstacles[0]!.reason).toContain(
      'my.Block is a function of the model itself; put its operators in its place',
    );
  });
});
