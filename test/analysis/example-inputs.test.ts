import { describe, expect, it } from 'vitest';
import { exampleInputs, exampleShapes, type GivenShapes } from '../../src/analysis/example-inputs.js';
import { UserError } from '../../src/errors.js';
import { parseModel } from '../../src/onnx/text.js';

const bert = parseModel(`
  <ir_version: 8, opset_import: ["" : 13]>
  net (int64[batch, sequence] input_ids, int64[batch, sequence] attention_mask, int64[batch, sequence] token_type_ids,
       float[N, 3, height, width] image, float16[batch, "past + 1"] past)
  => (int64[batch, sequence] y) { y = Add(input_ids, attention_mask) }`);

const shapes = (given: GivenShapes = []) => Object.fromEntries(exampleShapes(bert, given));

describe('exampleShapes', () => {
  it('takes one sample, and sizes that suit the symbols', () => {
    expect(shapes()).toEqual({
      input_ids: [1, 16],
      attention_mask: [1, 16],
      token_type_ids: [1, 16],
      image: [1, 3, 224, 224],
      past: [1, 1],
    });
  });
  it('takes a second of sound for floats along one axis', () => {
    const model = parseModel(`<ir_version: 8, opset_import: ["" : 13]> net (float[n, time] x, float[n, 1, t] y,
      float[n, features] f, float[n, time, 40] z) => (float[n, time] o) { o = Relu(x) }`);
    expect([...exampleShapes(model).values()]).toEqual([
      [1, 16000],
      [1, 1, 16000],
      [1, 16],
      [1, 16, 40],
    ]);
  });
  it('takes sizes for symbols and shapes for inputs', () => {
    const given: GivenShapes = [
      ['sequence', [8]],
      ['image', [2, 3, 10, 10]],
    ];
    expect(shapes(given)).toMatchObject({ input_ids: [1, 8], image: [2, 3, 10, 10] });
  });
  it('takes open sizes of the data at hand, where no others are given', () => {
    const model = parseModel(
      '<ir_version: 8, opset_import: ["" : 13]> net (float[n, time, 40] x) => (float[n, time, 40] y) { y = Relu(x) }',
    );
    const copy = model.clone();
    model.sampleShapes.set('x', [1, 98, 40]);
    expect(exampleShapes(copy).get('x')).toEqual([1, 98, 40]);
    expect(exampleShapes(model, [['time', [7]]]).get('x')).toEqual([1, 7, 40]);
  });
  it.each([
    [['sequense', [8]], "'sequense' is neither an input with a shape nor a symbol"],
    [['image', [1, 4, 8, 8]], '--shape: image: 1x4x8x8 does not fit'],
    [['image', [1, 3, 8]], '--shape: image: 1x3x8 does not fit'],
  ] as const)('refuses %j', (given, message) => {
    expect(() => shapes([given])).toThrow(UserError);
    expect(() => shapes([given])).toThrow(message);
  });
});

describe('exampleInputs', () => {
  it('is 1 for ids and masks, 0 for segments, seeded noise for floats', () => {
    const first = exampleInputs(
      bert,
      [
        ['sequence', [2]],
        ['height', [1]],
        ['width', [1]],
      ],
      7,
    );
    expect(Array.from(first.input_ids!.data as BigInt64Array)).toEqual([1n, 1n]);
    expect(Array.from(first.token_type_ids!.data as BigInt64Array)).toEqual([0n, 0n]);
    expect(first.past).toMatchObject({ type: 'float16', dims: [1, 1] });
    const again = exampleInputs(
      bert,
      [
        ['sequence', [2]],
        ['height', [1]],
        ['width', [1]],
      ],
      7,
    );
    expect(again.image!.data).toEqual(first.image!.data);
    for (const value of first.image!.data as Float32Array) expect(Math.abs(value)).toBeLessThanOrEqual(1);
  });
});
