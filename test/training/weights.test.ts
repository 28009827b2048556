import { expect, it } from 'vitest';
import { decodeModel } from '../../src/onnx/read.js';
import { parseModel, printModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { layOut } from '../../src/training/parameters.js';
import { prepareForTraining } from '../../src/training/prepare.js';
import { tensorsOf, withWeights } from '../../src/training/weights.js';

const text = `<ir_version: 7, opset_import: ["" : 11], producer_name: "someone", metadata_props: ["classes": "2"]>
  f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,2,3,4}, float[2] mean = {5,6}> {
    b = Constant<value = float[2] {7,8}>()
    shifted = Sub(x, mean)
    product = MatMul(shifted, w)
    y = Add(product, b)
  }`;

it('puts trained values where the old ones were, and keeps everything else', async () => {
  const original = decodeModel(encodeModel(parseModel(text)), 'model.onnx');
  const { parameters } = await prepareForTraining(original);
  const layout = layOut(parameters);
  const vector = Float32Array.of(10, 20, 30, 40, 70, 80);
  const trained = withWeights(original, tensorsOf(layout, vector));
  vector.fill(0);

  const reread = decodeModel(encodeModel(trained), 'trained.onnx');
  expect([...reread.constant('w')!.toNumbers()]).toEqual([10, 20, 30, 40]);
  expect([...reread.constant('b')!.toNumbers()]).toEqual([70, 80]);
  expect([...reread.constant('mean')!.toNumbers()]).toEqual([5, 6]);
  expect([reread.opset, reread.producer, reread.metadata.get('classes')]).toEqual([11, 'someone', '2']);
  expect(reread.graph.nodes.map(({ type, outputs }) => [type, outputs[0]])).toEqual([
    ['Constant', 'b'],
    ['Sub', 'shifted'],
    ['MatMul', 'product'],
    ['Add', 'y'],
  ]);
  expect(reread.graph.inputs.map(({ name }) => name)).toEqual(['x']);

  expect([...original.constant('w')!.toNumbers(), ...original.constant('b')!.toNumbers()]).toEqual([1, 2, 3, 4, 7, 8]);
});

it('the model with its own weights is the model', async () => {
  const original = decodeModel(encodeModel(parseModel(text)), 'model.onnx');
  const { parameters } = await prepareForTraining(original);
  const same = withWeights(original, new Map(parameters.map(({ name, tensor }) => [name, tensor])));
  expect(printModel(same)).toBe(printModel(original));
});
