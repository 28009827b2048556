import { describe, expect, it } from 'vitest';
import { alignValues } from '../../src/analysis/align-values.js';
import { parseModel } from '../../src/onnx/text.js';

const model = (body: string, opset = 17) =>
  parseModel(`<ir_version: 8, opset_import: ["" : ${opset}]>
    net (float[n, 4] x) => (float[n, 2] y)
    <float[4, 3] w = {1,2,3,4,5,6,7,8,9,10,11,12}, float[3, 2] v = {1,2,3,4,5,6}, float[2, 2] u = {1,0,0,1},
     float scale = {0.1}, uint8 zero = {128}> { ${body} }`);

const FLOAT = model('h = MatMul(x, w)  r = Relu(h)  y = MatMul(r, v)');

describe('alignValues', () => {
  it('pairs values of the same name, in topological order, with what they are computed from', async () => {
    const other = model('h = MatMul(x, w)  r = Relu(h)  y = MatMul(r, v)', 13);
    expect(await alignValues(FLOAT, other)).toEqual([
      { name: 'h', counterpart: 'h', op: 'MatMul', sources: [] },
      { name: 'r', counterpart: 'r', op: 'Relu', sources: ['h'] },
      { name: 'y', counterpart: 'y', op: 'MatMul', sources: ['r'] },
    ]);
  });
  it('takes the dequantized form of a value where there is one, whatever it is called', async () => {
    const quantized = model(`h = MatMul(x, w)  r = Relu(h)  q = QuantizeLinear(r, scale, zero)
      d = DequantizeLinear(q, scale, zero)  y = MatMul(d, v)`);
    const found = await alignValues(FLOAT, quantized);
    expect(found.map(({ name, counterpart }) => [name, counterpart])).toEqual([
      ['h', 'h'],
      ['r', 'd'],
      ['y', 'y'],
    ]);
  });
  it('pairs what is named otherwise by operator, shape and order, where that is the only way', async () => {
    const renamed = model('a = MatMul(x, w)  b = Relu(a)  y = MatMul(b, v)');
    const found = await alignValues(FLOAT, renamed);
    expect(found.map(({ name, counterpart }) => [name, counterpart])).toEqual([
      ['h', 'a'],
      ['r', 'b'],
      ['y', 'y'],
    ]);
    const doubled = model('a = MatMul(x, w)  b = Relu(a)  c = Relu(b)  y = MatMul(c, v)');
    expect((await alignValues(FLOAT, doubled)).map(({ name }) => name)).toEqual(['h', 'y']);
  });
  it('does not pair values of one name but another shape', async () => {
    const other = model('r = MatMul(x, w)  h = MatMul(r, v)  y = MatMul(h, u)');
    const found = await alignValues(FLOAT, other);
    expect(found.map(({ name, counterpart }) => [name, counterpart])).toEqual([
      ['r', 'r'],
      ['y', 'y'],
    ]);
  });
});
