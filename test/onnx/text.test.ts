import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Graph, type ValueInfo } from '../../src/ir/graph.js';
import { Model } from '../../src/ir/model.js';
import { type Attribute, Node } from '../../src/ir/node.js';
import { Tensor } from '../../src/ir/tensor.js';
import { parseModel, printModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';

const HEADER = '<ir_version: 8, opset_import: ["": 17]>';
const firstNode = (nodes: string) => parseModel(`${HEADER} g (float x) => () { ${nodes} }`).graph.nodes[0]!;

describe('parseModel', () => {
  it('reads a model with all its parts', () => {
    const model = parseModel(`
      # A comment.
      <ir_version: 8, opset_import: ["" : 17, "com.microsoft": 1], producer_name: "me", metadata_props: ["task": "x"]>
      agraph (float[N, 3, 8, 8] x, float given = {3}) => (float[N, 4] y)
        <float[2,2] w = {1, 2, 3, 4}, int64[1] axes = {-1}, float16[N] inner> {
        a = Conv <kernel_shape = [3,3], pads=[1,1,1,1]> (x, w)  # another
        [gelu] y = com.microsoft.Gelu(a)
      }`);
    expect(model).toMatchObject({ irVersion: 8n, producer: 'me', opset: 17 });
    expect([...model.opsets]).toEqual([
      ['', 17],
      ['com.microsoft', 1],
    ]);
    expect([...model.metadata]).toEqual([['task', 'x']]);
    const { graph } = model;
    expect(graph.name).toBe('agraph');
    expect(graph.inputs[0]).toMatchObject({
      name: 'x',
      type: { kind: 'tensor', elem: 'float32', shape: ['N', 3, 8, 8] },
    });
    expect([...graph.initializers.keys()]).toEqual(['given', 'w', 'axes']);
    expect(graph.initializers.get('w')).toMatchObject({ type: 'float32', dims: [2, 2] });
    expect([...graph.initializers.get('w')!.toNumbers()]).toEqual([1, 2, 3, 4]);
    expect(graph.initializers.get('given')!.dims).toEqual([]);
    expect([...graph.valueInfos.keys()]).toEqual(['inner']);
    expect(graph.nodes[0]).toMatchObject({ op: 'Conv', inputs: ['x', 'w'], outputs: ['a'] });
    expect(graph.nodes[0]!.ints('pads')).toEqual([1, 1, 1, 1]);
    expect(graph.nodes[1]).toMatchObject({ name: 'gelu', type: 'com.microsoft.Gelu', inputs: ['a'] });
  });

  it.each([
    ['float x', { kind: 'tensor', elem: 'float32', shape: [] }],
    ['double[] x', { kind: 'tensor', elem: 'float64', shape: undefined }],
    ['int8[2, ?, N, "a b"] x', { kind: 'tensor', elem: 'int8', shape: [2, undefined, 'N', 'a b'] }],
    ['seq(float[2]) x', { kind: 'other' }],
    ['map(int64, optional(seq(float))) x', { kind: 'other' }],
    ['sparse_tensor(float[3]) x', { kind: 'other' }],
    ['opaque(a.b, c) x', { kind: 'other' }],
    ['x', undefined],
  ])('reads the type of %s', (text, type) => {
    const model = parseModel(`${HEADER} g (${text}) => (x) {}`);
    expect(model.graph.inputs[0]!.type).toEqual(type);
    expect(printModel(model)).toContain(`g (${text}) => (x) {`);
  });

  it.each([
    ['i = -3', 'int', -3n],
    ['f = 1.5', 'float', 1.5],
    ['f = 1e2', 'float', 100],
    ['f = -inf', 'float', Number.NEGATIVE_INFINITY],
    ['f: float = 2', 'float', 2],
    ['is = [1, -2]', 'ints', [1n, -2n]],
    ['fs = [1.0, 2]', 'floats', [1, 2]],
    ['none: ints = []', 'ints', []],
  ])('reads the attribute %s', (text, kind, value) => {
    expect([...firstNode(`y = Op <${text}> (x)`).attributes.values()][0]).toMatchObject({ kind, value });
  });

  it('reads strings, with escapes, and tensors and graphs as attributes', () => {
    const node = firstNode(String.raw`y = Op <
      s = "a \"b\" \\", t = float[2] {1, 2}, named = int8[1] w = {-1}, scalar = bool {1},
      g = body (float i) => (float o) { o = Abs (i) }, gs = [b1 () => () {}, b2 () => () {}], ss = ["a", "b"]
    > (x)`);
    expect(node.string('s')).toBe('a "b" \\');
    expect([...node.tensor('t')!.toNumbers()]).toEqual([1, 2]);
    expect(node.tensor('named')).toMatchObject({ name: 'w', type: 'int8', dims: [1] });
    expect(node.tensor('scalar')).toMatchObject({ type: 'bool', dims: [] });
    expect(node.subgraphs().map((graph) => graph.name)).toEqual(['body', 'b1', 'b2']);
    expect(node.attributes.get('ss')).toMatchObject({ kind: 'strings', value: [{ 0: 97 }, { 0: 98 }] });
  });

  it.each([
    ['y = Op (x, "", x)', ['x', '', 'x'], ['y']],
    ['y = Op (, x)', ['', 'x'], ['y']],
    ['y = Op (x,)', ['x'], ['y']],
    ['y, , z = Op ()', [], ['y', '', 'z']],
    ['"", "/a/b:0" = Op ("x")', ['x'], ['', '/a/b:0']],
    ['y = Op (x) <alpha = 1.0>', ['x'], ['y']],
  ])('reads the operands of %s', (text, inputs, outputs) => {
    expect(firstNode(text)).toMatchObject({ op: 'Op', inputs, outputs });
  });

  it('reads functions and keeps their attributes', () => {
    const text = `${HEADER} g (float x) => (float y) { y = local.f <alpha = 0.5> (x) }
      <domain: "local", opset_import: ["": 17]> f <alpha, beta = 2.0> (u) => (v) {
        v = LeakyRelu <alpha: float = @alpha> (u)
      }`;
    const model = parseModel(text);
    expect(model.functions).toMatchObject([{ domain: 'local', name: 'f' }]);
    expect(printModel(model)).toContain('v = LeakyRelu <alpha: float = @alpha> (u)');
  });

  it.each([
    ['int4[3] w = {1, -8, 7}', [1, -8, 7]],
    ['uint4[3] w = {1, 15, 7}', [1, 15, 7]],
    ['int2[5] w = {1, -2, 0, -1, 1}', [1, -2, 0, -1, 1]],
    ['uint8[1] w = {255}', [255]],
    ['float16[2] w = {15360, 49152}', [1, -2]],
    ['bfloat16[1] w = {16256}', [1]],
    ['uint32[1] w = {4294967295}', [4294967295]],
    ['double[2] w = {0.1, -inf}', [0.1, Number.NEGATIVE_INFINITY]],
    ['float[0] w = {}', []],
  ])('reads the constant %s', (text, values) => {
    const model = parseModel(`${HEADER} g () => () <${text}> {}`);
    expect([...model.constant('w')!.toNumbers()]).toEqual(values);
  });

  it.each([
    [`${HEADER}\ng (float x) => (float y) {\n  y = (x)\n}`, "line 3, column 7: expected an operator, found '('"],
    [
      `${HEADER}\ng (float x) => (float y) { y = Abs (x`,
      "line 2, column 38: expected ')' after the inputs of Abs, found the end",
    ],
    ['<ir_versio: 8> g () => () {}', 'line 1, column 2: expected one of ir_version, opset_import'],
    [`${HEADER} g (flot x) => () {}`, "expected ',' or ')', found 'x'"],
    [`${HEADER} g () => () <int8[1] w = {300}> {}`, 'the constant w holds 300, which int8 cannot hold'],
    [`${HEADER} g () => () <int8[1] w = {0.5}> {}`, 'the constant w holds 0.5 where int8 needs whole numbers'],
    [`${HEADER} g () => () <float[1] w = {"a"}> {}`, 'the constant w holds a string where float32 needs numbers'],
    [`${HEADER} g () => () <string[1] w = {1}> {}`, 'the constant w needs strings in quotes'],
    [`${HEADER} g () => () <float[N] w = {1}> {}`, 'the constant w needs a shape of whole numbers'],
    [`${HEADER} g () => () <float[] w = {1}> {}`, 'the constant w needs a tensor type with a shape'],
    [`${HEADER} g () => () <float[2] w = {1}> {}`, 'tensor w: holds 4 bytes where float32[2] needs 8'],
    [`${HEADER} g () => () { = Op <a = []> () }`, 'the empty list a needs a type, such as a: ints = []'],
    [`${HEADER} g () => () { = Op <a = [1, 0.5]> () }`, 'the attribute a holds a float where its type says int'],
    [`${HEADER} g () => () { = Op <a: int = [1]> () }`, 'the attribute a is a single int, not a list'],
    [`${HEADER} g () => () { = Op <a: number = 1> () }`, "expected the type of an attribute, found 'number'"],
    [`${HEADER} g () => () { = Op <a = "x> () }`, 'a string is not closed'],
  ])('refuses %j', (text, message) => {
    expect(() => parseModel(text)).toThrow(expect.objectContaining({ name: 'UserError' }));
    expect(() => parseModel(text)).toThrow(message);
  });

  it('reads a broken graph on request', () => {
    expect(() => parseModel(`${HEADER} g () => (y) {}`)).toThrow('output y: is made by no node');
    expect(parseModel(`${HEADER} g () => (y) {}`, { check: false }).graph.outputs[0]!.name).toBe('y');
  });
});

describe('printModel', () => {
  it('writes what parseModel reads', () => {
    const text = `<
  ir_version: 8,
  opset_import: ["": 17, "com.microsoft": 1],
  producer_name: "me",
  metadata_props: ["task": "x"]
>
agraph (float[N, 3, ?] x, bool c) => (float[N, 4] y)
  <float[2] w = {1, 0.1}, string s = {"a \\"b\\""}, float[N] inner>
{
  [first] a = Conv <kernel_shape = [3, 3], alpha = 1.0, name = "x"> (x, w, "")
  y, "", "/z:0" = If <then_branch = t () => (float r) {
    r = Abs (a)
  }, else_branch = "float" () => (float[0] "inf") {
    "inf" = com.microsoft.Gelu (a)
  }> (c)
}
`;
    expect(printModel(parseModel(text))).toBe(text);
  });

  it('cuts large tensors short', () => {
    const model = parseModel(`${HEADER} g () => () <int8[6] w = {1, 2, 3, 4, 5, 6}> {}`);
    expect(printModel(model, { elements: 5 })).toContain('int8[6] w = {1, 2, 3, 4, …}');
  });

  it('writes any small model so that it can be read again', () => {
    fc.assert(
      fc.property(anyModel, (model) => {
        const text = printModel(model);
        const again = parseModel(text, { check: false });
        expect(printModel(again)).toBe(text);
        expect(describeModel(again)).toEqual(describeModel(model));
        expect(encodeModel(parseModel(text, { check: false }))).toEqual(encodeModel(again));
      }),
      { numRuns: 200 },
    );
  });
});

/** What a model says, without the form that it was read in. */
function describeModel(model: Model) {
  const tensor = (t: Tensor) => [t.name, t.type, t.dims, t.strings ? t.toValue() : [...t.bytes()]];
  const info = (value: ValueInfo) => [value.name, value.type];
  const attribute = (value: Attribute): unknown => {
    if (value.kind === 'graph') return graph(value.value);
    return value.kind === 'tensor' ? tensor(value.value) : [value.kind, 'value' in value && value.value];
  };
  const node = (n: Node) => [n.name, n.type, n.inputs, n.outputs, [...n.attributes].map(([k, v]) => [k, attribute(v)])];
  const graph = (g: Graph): unknown => [
    g.name,
    g.inputs.map(info),
    g.outputs.map(info),
    [...g.initializers.values()].map(tensor),
    g.nodes.map(node),
  ];
  return [model.irVersion, [...model.opsets], [...model.metadata], graph(model.graph)];
}

const name = fc.oneof(fc.constantFrom('x', 'float', 'inf', 'If', 'a_1'), fc.string({ minLength: 1, maxLength: 5 }));
const float32 = fc.float({ noNaN: false });
const values = fc.oneof(
  fc.record({ type: fc.constantFrom('float32', 'float64', 'float16'), values: fc.array(float32, { maxLength: 5 }) }),
  fc.record({
    type: fc.constantFrom('int8', 'int32', 'int64', 'int4'),
    values: fc.array(fc.integer({ min: -8, max: 7 }), { maxLength: 5 }),
  }),
  fc.record({ type: fc.constantFrom('uint8', 'uint4', 'bool'), values: fc.array(fc.nat(1), { maxLength: 5 }) }),
);
const anyTensor = fc
  .tuple(name, values)
  .map(([key, of]) => Tensor.from(key, of.type as 'float32', [of.values.length], of.values));
const dim = fc.oneof(fc.nat(5), fc.constantFrom('N', 'a b'), fc.constant(undefined));
const anyInfo = fc.record({
  name,
  type: fc.option(
    fc.record({
      kind: fc.constant('tensor' as const),
      elem: fc.constantFrom('float32' as const, 'bool' as const),
      shape: fc.option(fc.array(dim, { maxLength: 3 }), { nil: undefined }),
    }),
    { nil: undefined },
  ),
});
const { graph: anyGraph } = fc.letrec<{ graph: Graph; attribute: Attribute; node: Node }>((tie) => ({
  attribute: fc.oneof(
    { maxDepth: 2 },
    fc.record({ kind: fc.constant('int' as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    fc.record({ kind: fc.constant('float' as const), value: float32 }),
    fc.record({ kind: fc.constant('floats' as const), value: fc.array(float32, { maxLength: 3 }) }),
    fc.record({
      kind: fc.constant('ints' as const),
      value: fc.array(fc.bigInt({ min: -9n, max: 9n }), { maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('string' as const),
      value: fc.string().map((text) => new TextEncoder().encode(text)),
    }),
    fc.record({ kind: fc.constant('tensor' as const), value: anyTensor }),
    fc.record({ kind: fc.constant('graph' as const), value: tie('graph') }),
  ),
  node: fc
    .record({
      op: name,
      domain: fc.constantFrom('', 'com.microsoft', 'odd domain'),
      name: fc.oneof(fc.constant(''), name),
      inputs: fc.array(fc.oneof(fc.constant(''), name), { maxLength: 3 }),
      outputs: fc.array(fc.oneof(fc.constant(''), name), { maxLength: 2 }),
      attributes: fc.dictionary(name, tie('attribute'), { maxKeys: 2 }),
    })
    .map((spec) => new Node(spec)),
  graph: fc
    .record({
      name: fc.oneof(fc.constant(''), name),
      inputs: fc.array(anyInfo, { maxLength: 2 }),
      outputs: fc.array(anyInfo, { maxLength: 2 }),
      tensors: fc.array(anyTensor, { maxLength: 2 }),
      nodes: fc.array(tie('node'), { maxLength: 2 }),
    })
    .map(({ tensors, ...fields }) => {
      const initializers = new Map(tensors.map((tensor) => [tensor.name, tensor]));
      return Object.assign(new Graph(), { ...fields, initializers });
    }),
}));
const anyModel = fc
  .record({
    graph: anyGraph,
    metadata: fc.dictionary(name, fc.string(), { maxKeys: 2 }),
    opset: fc.integer({ min: 7, max: 26 }),
  })
  .map(({ graph, metadata, opset }) =>
    Object.assign(new Model(), { graph, metadata: new Map(Object.entries(metadata)), opsets: new Map([['', opset]]) }),
  );
