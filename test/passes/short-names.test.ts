import { describe, expect, it } from 'vitest';
import { checkModel } from '../../src/ir/check.js';
import type { Graph } from '../../src/ir/graph.js';
import { parseModel } from '../../src/onnx/text.js';
import { withShortNames } from '../../src/passes/short-names.js';

const parse = (text: string) => parseModel(`<ir_version: 8, opset_import: ["" : 17]> ${text}`);

/** `outputs = Op(inputs)` of each node, with the nodes of its subgraphs behind it. */
const linesOf = (graph: Graph): string[] =>
  [...graph.walk()].flatMap(({ nodes }) =>
    nodes.map(({ name, op, inputs, outputs }) => `${name && `${name}: `}${outputs} = ${op}(${inputs})`),
  );

const FLOAT = parse('net (float[2] x) => (float[2] block1_out) <float[2] q0 = {1, 2}> { block1_out = Mul(x, q0) }');

describe('withShortNames', () => {
  it('shortens the names that were added, and only those', () => {
    const model = parse(`net (float[2] x, float added_input) => (float[2] block1_out)
      <float block1_scale = {0.1}, uint8 block1_zero = {0}, float[2] q0 = {1, 2}> {
      block1_integers = QuantizeLinear(x, block1_scale, block1_zero)
      block1_floats = DequantizeLinear(block1_integers, block1_scale, block1_zero)
      block1_product = Mul(block1_floats, q0)
      block1_out = Mul(block1_product, added_input)
    }`);
    model.graph.nodes[0]!.name = 'block1_quantize';
    const short = withShortNames(model, [FLOAT]);
    checkModel(short);
    expect(linesOf(short.graph)).toEqual([
      'q3: q4 = QuantizeLinear(x,q1,q2)',
      'q5 = DequantizeLinear(q4,q1,q2)',
      'q6 = Mul(q5,q0)',
      'block1_out = Mul(q6,added_input)',
    ]);
    expect([...short.graph.initializers.values()].map(({ name }) => name)).toEqual(['q1', 'q2', 'q0']);
    expect(linesOf(model.graph)[1]).toMatch(/^block1_floats/);
  });

  it('follows names into subgraphs', () => {
    const model = parse(`net (bool c, float[2] x) => (float[2] y) <float[2] some_weight = {1, 2}> {
      some_double = Add(x, x)
      y = If(c) <
        then_branch = yes () => (float[2] then_y) { then_y = Mul(some_double, some_weight) },
        else_branch = no () => (float[2] else_y) { else_y = Sub(some_double, x) }>
    }`);
    const short = withShortNames(model, []);
    checkModel(short);
    expect(linesOf(short.graph)).toEqual(['q1 = Add(x,x)', 'y = If(c)', 'q2 = Mul(q1,q0)', 'q3 = Sub(q1,x)']);
    expect(short.graph.nodes[1]!.subgraphs().map(({ outputs }) => outputs[0]!.name)).toEqual(['q2', 'q3']);
  });
});
