import { describe, expect, it } from 'vitest';
import { isFilterBank } from '../../src/analysis/filter-bank.js';
import { parseModel } from '../../src/onnx/text.js';

/** Whether the first product of a graph is one with filters. */
function isFiltered(weight: string, rest: string): boolean {
  const model = parseModel(`<ir_version: 8, opset_import: ["": 17]> f (float[n,3] x) => (float y)
    <float[3,2] w = ${weight}, float floor = {0.1}> { m = MatMul(x, w) ${rest} }`);
  return isFilterBank(model.graph.nodes[0]!, model.constant('w')!, model.graph.index().consumers);
}

describe('isFilterBank', () => {
  it('tells weights that are not negative and whose product has a logarithm or root', () => {
    expect(isFiltered('{1,0,0.5,0.5,0,1}', 'c = Max(m, floor) y = Log(c)')).toBe(true);
    expect(isFiltered('{1,0,0.5,0.5,0,1}', 't = Transpose(m) a = Add(floor, t) y = Sqrt(a)')).toBe(true);
    expect(isFiltered('{1,0,0.5,-0.5,0,1}', 'c = Max(m, floor) y = Log(c)')).toBe(false);
    expect(isFiltered('{1,0,0.5,0.5,0,1}', 'r = Relu(m) y = Log(r)')).toBe(false);
    expect(isFiltered('{1,0,0.5,0.5,0,1}', 'y = Softmax(m)')).toBe(false);
  });
});
