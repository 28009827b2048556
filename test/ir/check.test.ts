import { describe, expect, it } from 'vitest';
import { parseModel } from '../../src/onnx/text.js';

const HEADER = '<ir_version: 8, opset_import: ["": 17]>';
const branch = (text: string) =>
  `y = If (c) <then_branch = t () => (float r) { ${text} }, else_branch = t () => (float r) { r = Abs (x) }>`;

describe('checkModel', () => {
  it.each([
    ['a missing value', 'y = Add (x, w)', 'node y (Add): takes w, which no node, input or initializer provides'],
    ['a value made twice', 'y = Abs (x) y = Neg (x)', 'node y (Neg): makes the value y a second time'],
    ['an input made again', 'x = Abs (x) y = Neg (x)', 'node x (Abs): makes the value x a second time'],
    ['an initializer made again', 'k = Abs (x) y = Neg (k)', 'node k (Abs): makes the value k a second time'],
    ['an output that nothing makes', 'z = Abs (x)', 'output y: is made by no node'],
    ['a cycle', '[n] a = Add (x, b) b = Abs (a) y = Neg (b)', 'node n: the graph has a cycle'],
    ['a node that takes its own output', 'y = Add (x, y)', 'node y: the graph has a cycle'],
    ['a cycle through a capture', branch('r = Add (x, y)'), 'node y: the graph has a cycle'],
    ['a missing value in a subgraph', branch('r = Abs (w)'), 'node y (If): node r (Abs): takes w, which'],
    ['a cycle in a subgraph', branch('r = Add (x, s) s = Abs (r)'), 'node r: the graph has a cycle'],
    ['an inner value taken outside', `${branch('inner = Abs (x) r = Neg (inner)')} z = Abs (inner)`, 'takes inner'],
  ])('refuses %s', (_, nodes, message) => {
    const text = `${HEADER} g (float x, bool c) => (float y) <float k = {1}> { ${nodes} }`;
    expect(() => parseModel(text, { path: 'm.onnx' })).toThrow(message);
    expect(() => parseModel(text, { path: 'm.onnx' })).toThrow(/^m\.onnx: .*; export the model again/);
  });

  it('refuses a model without operator sets and an input that appears twice', () => {
    expect(() => parseModel('<ir_version: 8> g (float x) => (float x) {}')).toThrow('names no operator set');
    expect(() => parseModel(`${HEADER} g (float x, float x) => (float x) {}`)).toThrow('input x: appears twice');
  });

  it('accepts absent optional inputs and outputs, unsorted nodes and names that hide outer ones', () => {
    parseModel(`${HEADER} g (float x, bool c) => (float y) {
      y, "" = Op (a, "", x)
      a = If (c) <then_branch = t () => (float b) { b = Abs (x) }, else_branch = t () => (float r) { r = Abs (x) }>
      b = Neg (x)
    }`);
  });
});
