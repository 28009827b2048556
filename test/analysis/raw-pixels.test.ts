import { describe, expect, it } from 'vitest';
import { takesRawPixels } from '../../src/analysis/raw-pixels.js';
import { parseModel } from '../../src/onnx/text.js';

const modelOf = (body: string, constants: string, type = 'float[N, 4, 4, 3]') =>
  parseModel(`<ir_version: 8, opset_import: ["" : 18]> net (${type} x) => (float[A, B, C, D] y)
    <${constants}> { ${body} }`);

describe('takesRawPixels', () => {
  it.each([
    ['Rescaling(1/255)', 'y = Mul (x, c)', 'float c = {0.003921569}'],
    ['Rescaling(1/127.5, offset=-1)', 's = Mul (c, x) y = Sub (s, one)', 'float c = {0.007843138}, float one = {1}'],
    ['a mean per channel', 'y = Sub (x, c)', 'float[3] c = {103.939, 116.779, 123.68}'],
    ['a division', 'y = Div (x, c)', 'float[1] c = {255}'],
    [
      'after another order of axes',
      't = Transpose <perm = [0, 3, 1, 2]> (x) y = Mul (t, c)',
      'float c = {0.003921569}',
    ],
  ])('%s', (_, body, constants) => {
    expect(takesRawPixels(modelOf(body, constants))).toBe(true);
  });

  it('bytes that are cast first', () => {
    const body = 'f = Cast <to = 1> (x) y = Mul (f, c)';
    expect(takesRawPixels(modelOf(body, 'float c = {0.003921569}', 'uint8[N, 4, 4, 3]'))).toBe(true);
  });

  it.each([
    ['the mean of fractions', 'y = Sub (x, c)', 'float[3] c = {0.485, 0.456, 0.406}'],
    ['a division by their deviation', 'y = Div (x, c)', 'float c = {0.225}'],
    ['a factor that enlarges', 'y = Mul (x, c)', 'float c = {2}'],
    ['another use beside it', 's = Mul (x, c) r = Relu (x) y = Add (s, r)', 'float c = {0.003921569}'],
    ['a layer', 'y = Relu (x)', 'float c = {0.003921569}'],
  ])('not %s', (_, body, constants) => {
    expect(takesRawPixels(modelOf(body, constants))).toBe(false);
  });

  it('looks into branches', () => {
    const model = (other: string) =>
      modelOf(
        `y = If (wide) <
          then_branch = a () => (float[N, 4, 4, 3] p) { p = Mul (x, c) },
          else_branch = b () => (float[N, 4, 4, 3] q) { ${other} }
        >`,
        'float c = {0.003921569}, bool wide = {1}',
      );
    expect(takesRawPixels(model('q = Mul (c, x)'))).toBe(true);
    expect(takesRawPixels(model('q = Relu (x)'))).toBe(false);
  });
});
