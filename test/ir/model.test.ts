import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/ir/tensor.js';
import { parseModel, printModel } from '../../src/onnx/text.js';

const HEADER = '<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>';

describe('constant', () => {
  const model = parseModel(`${HEADER} g (float[1] x, float[1] given = {5}) => (float[1] y) <float[1] w = {4}> {
    tensor = Constant <value = float[2] {1, 2}> ()
    float_value = Constant <value_float = 0.5> ()
    floats = Constant <value_floats = [1.0, 2.0]> ()
    int_value = Constant <value_int = 3> ()
    ints = Constant <value_ints = [3, 4]> ()
    text = Constant <value_string = "a"> ()
    texts = Constant <value_strings = ["a", "b"]> ()
    y = Sum (x, w, given)
  }`);

  it.each([
    ['w', 'float32', [1], [4]],
    ['tensor', 'float32', [2], [1, 2]],
    ['float_value', 'float32', [], [0.5]],
    ['floats', 'float32', [2], [1, 2]],
    ['int_value', 'int64', [], [3]],
    ['ints', 'int64', [2], [3, 4]],
  ])('finds %s', (name, type, dims, values) => {
    for (const tensor of [model.constant(name)!, model.constants().get(name)!]) {
      expect(tensor).toMatchObject({ name, type, dims });
      expect([...tensor.toNumbers()]).toEqual(values);
    }
  });

  it('finds strings', () => {
    expect(model.constant('text')!.toValue()).toEqual({ type: 'string', dims: [], data: ['a'] });
    expect(model.constant('texts')!.toValue()).toEqual({ type: 'string', dims: [2], data: ['a', 'b'] });
  });

  it('knows no value of a computed or fed name', () => {
    for (const name of ['x', 'y', 'nothing']) expect(model.constant(name)).toBeUndefined();
  });

  it('leaves out an initializer that a caller may replace, from IR version 4 on', () => {
    expect(model.constant('given')).toBeUndefined();
    expect(model.constants().has('given')).toBe(false);
    const old = model.clone();
    old.irVersion = 3n;
    expect([...old.constant('given')!.toNumbers()]).toEqual([5]);
    expect(old.constants().has('given')).toBe(true);
  });
});

describe('freshName', () => {
  it('gives a name that no value, node or subgraph bears', () => {
    const model = parseModel(`${HEADER} g (bool c, float x) => (float y) {
      [a_1] y = If (c) <then_branch = t () => (float a) { a = Abs (x) }, else_branch = e () => (float b) { b = Neg (x) }>
    }`);
    expect(model.freshName('z')).toBe('z');
    expect(model.freshName('z')).toBe('z_1');
    expect(model.freshName('a')).toBe('a_2');
  });

  it('names a constant that is added', () => {
    const model = parseModel(`${HEADER} g (float x) => (float y) <float w = {1}> { y = Add (x, w) }`);
    expect(model.addInitializer(Tensor.from('w', 'float32', [], [2]))).toBe('w_1');
    expect([...model.constant('w_1')!.toNumbers()]).toEqual([2]);
  });
});

describe('clone', () => {
  it('can be changed without changing the original, subgraphs included', () => {
    const model = parseModel(`${HEADER} g (bool c, float x) => (float y) <float w = {1}> {
      y = If (c) <then_branch = t () => (float a) { a = Abs (x) }, else_branch = e () => (float b) { b = Neg (w) }>
    }`);
    const before = printModel(model);
    const copy = model.clone();
    expect(printModel(copy)).toBe(before);
    copy.graph.inputs[1]!.name = 'renamed';
    copy.graph.initializers.clear();
    copy.graph.nodes[0]!.subgraphs()[0]!.nodes[0]!.inputs[0] = 'renamed';
    copy.opsets.set('', 21);
    copy.metadata.set('key', 'value');
    expect(printModel(model)).toBe(before);
  });
});

describe('Node', () => {
  const node = parseModel(`${HEADER} g (float x) => (float y) {
    y = com.microsoft.Thing <i = -3, f = 0.5, s = "text", is = [1, 2], fs = [0.5], t = int8 {7}> (x)
  }`).graph.nodes[0]!;

  it('reads attributes by kind', () => {
    expect(node.type).toBe('com.microsoft.Thing');
    expect(node.label).toBe('y');
    expect([node.int('i'), node.float('f'), node.string('s')]).toEqual([-3, 0.5, 'text']);
    expect([node.ints('is'), node.floats('fs'), [...node.tensor('t')!.toNumbers()]]).toEqual([[1, 2], [0.5], [7]]);
    expect([node.int('none', 9), node.float('i', 9), node.string('none')]).toEqual([9, 9, undefined]);
  });

  it('sets attributes from literals', () => {
    node.set('i', 4);
    node.set('f', { float: 2 });
    node.set('fs', { floats: [1, 2] });
    node.set('s', undefined);
    expect([node.int('i'), node.float('f'), node.floats('fs'), node.string('s')]).toEqual([4, 2, [1, 2], undefined]);
  });
});
