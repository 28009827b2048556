import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/model.js';
import { Tensor } from '../../src/ir/tensor.js';
import { decodeModelProto, sameMessage } from '../../src/onnx/messages.js';
import { decodeModel, readModel } from '../../src/onnx/read.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { bytes, fixed, message, varint } from './wire.js';

const TESTDATA = process.env.NNCOMPRESS_ONNX_TESTDATA ?? '/usr/share/libonnx-testdata';

/** What is written where nothing is known of the bytes that were read: every field has to come from the model. */
function rewritten(model: Model): Uint8Array {
  model.source = undefined;
  return encodeModel(model);
}

function expectSameMessage(a: Uint8Array, b: Uint8Array): void {
  expect(sameMessage(decodeModelProto(a), decodeModelProto(b))).toBe(true);
}

const entry = (key: string, value: string) => message(bytes(1, key), bytes(2, value));
const tensorType = (elem: number, ...dims: Uint8Array[]) =>
  bytes(1, message(varint(1, elem), bytes(2, message(...dims.map((dim) => bytes(1, dim))))));
const value = (name: string, type: Uint8Array, ...more: Uint8Array[]) =>
  message(bytes(1, name), bytes(2, type), ...more);
const floatValue = (name: string) => value(name, tensorType(1, varint(1, 2)));
const node = (op: string, inputs: string[], outputs: string[], ...more: Uint8Array[]) =>
  message(...inputs.map((i) => bytes(1, i)), ...outputs.map((o) => bytes(2, o)), bytes(4, op), ...more);
const graph = (...fields: Uint8Array[]) => bytes(7, message(...fields));
const opset = (version: number) => bytes(8, message(varint(2, version)));

/** A model with every field that the graph model leaves closed. */
const EVERYTHING = message(
  varint(1, 10),
  bytes(2, 'producer'),
  bytes(3, '1.0'),
  bytes(4, 'domain'),
  varint(5, 3),
  bytes(6, 'about the model'),
  opset(21),
  bytes(8, message(bytes(1, 'ai.onnx.preview.training'), varint(2, 1))),
  graph(
    bytes(
      1,
      node('Relu', ['x'], ['r'], bytes(3, 'n'), bytes(6, 'about'), bytes(8, 'overload'), bytes(9, entry('k', 'v'))),
    ),
    bytes(
      1,
      node(
        'Thing',
        ['r', 's', 'w'],
        ['y'],
        bytes(7, 'custom'),
        // A float of 0 with a description, an integer without a value, a type, a sparse tensor, a list of tensors.
        bytes(5, message(bytes(1, 'f'), fixed(2, new Uint8Array(4)), bytes(13, 'zero'), varint(20, 1))),
        bytes(5, message(bytes(1, 'i'), varint(20, 2))),
        bytes(5, message(bytes(1, 'tp'), bytes(14, tensorType(1)), varint(20, 13))),
        bytes(5, message(bytes(1, 'sp'), bytes(22, message(varint(3, 4))), varint(20, 11))),
        bytes(5, message(bytes(1, 'ts'), bytes(10, message(varint(1, 0), varint(2, 1))), varint(20, 9))),
        bytes(10, message(bytes(1, 'device'))),
      ),
    ),
    bytes(2, 'main'),
    bytes(
      5,
      message(
        varint(1, 2),
        varint(2, 1),
        bytes(8, 'w'),
        bytes(9, new Uint8Array(8)),
        bytes(12, 'about w'),
        bytes(16, entry('a', 'b')),
      ),
    ),
    bytes(
      15,
      message(bytes(1, message(varint(1, 1), varint(2, 1), bytes(8, 's'), bytes(4, new Uint8Array(4)))), varint(3, 5)),
    ),
    bytes(10, 'about the graph'),
    bytes(
      11,
      value(
        'x',
        message(tensorType(1, message(varint(1, 2), bytes(3, 'DATA_BATCH'))), bytes(6, 'IMAGE')),
        bytes(3, 'about x'),
      ),
    ),
    bytes(12, floatValue('y')),
    bytes(13, value('r', bytes(4, message(bytes(1, tensorType(1)))))),
    bytes(14, message(bytes(1, 'r'), bytes(2, entry('SCALE_TENSOR', 'w')))),
    bytes(16, entry('graph', 'meta')),
  ),
  bytes(14, entry('k', 'first')),
  bytes(14, entry('k', 'again')),
  bytes(20, message(bytes(1, message(bytes(2, 'init'))), bytes(3, entry('a', 'b')))),
  bytes(
    25,
    message(
      bytes(1, 'f'),
      bytes(4, 'u'),
      bytes(5, 'v'),
      bytes(6, 'alpha'),
      bytes(
        7,
        node('LeakyRelu', ['u'], ['v'], bytes(5, message(bytes(1, 'alpha'), bytes(21, 'alpha'), varint(20, 1)))),
      ),
      bytes(9, message(varint(2, 21))),
      bytes(10, 'custom'),
      bytes(11, message(bytes(1, 'beta'), fixed(2, new Uint8Array(4)), varint(20, 1))),
    ),
  ),
  bytes(26, message(bytes(1, 'cluster'), varint(2, 2))),
);

describe('an unmodified model', () => {
  it('is written byte for byte as it was read, duplicate metadata included', () => {
    expect(encodeModel(decodeModel(EVERYTHING, 'm.onnx'))).toEqual(EVERYTHING);
  });

  it('is recognised after a change that was taken back', () => {
    const model = decodeModel(EVERYTHING, 'm.onnx').clone();
    const relu = model.graph.nodes[0]!;
    relu.name = 'other';
    expect(encodeModel(model)).not.toEqual(EVERYTHING);
    relu.name = 'n';
    expect(encodeModel(model)).toEqual(EVERYTHING);
  });

  it('has all its fields in a message that is made anew', () => {
    const once = message(...[EVERYTHING].map((whole) => Buffer.from(whole)));
    const model = decodeModel(once, 'm.onnx');
    const again = decodeModel(rewritten(decodeModel(once, 'm.onnx')), 'm.onnx');
    model.metadata.set('k', 'again');
    expectSameMessage(rewritten(model), rewritten(again));
    const proto = decodeModelProto(rewritten(model));
    proto.metadata_props = decodeModelProto(EVERYTHING).metadata_props!;
    expect(sameMessage(proto, decodeModelProto(EVERYTHING))).toBe(true);
  });
});

describe('unknown fields', () => {
  const unknown = fc.oneof(
    fc
      .tuple(fc.integer({ min: 200, max: 9999 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
      .map(([f, v]) => varint(f, v)),
    fc.tuple(fc.integer({ min: 200, max: 9999 }), fc.uint8Array({ maxLength: 20 })).map(([f, v]) => bytes(f, v)),
    fc
      .tuple(fc.integer({ min: 200, max: 9999 }), fc.uint8Array({ minLength: 8, maxLength: 8 }))
      .map(([f, v]) => fixed(f, v)),
  );
  const withUnknown = (...fields: Uint8Array[]) =>
    fc.array(fc.tuple(unknown, fc.nat(fields.length)), { maxLength: 3 }).map((extras) => {
      const all = [...fields];
      for (const [field, at] of extras) all.splice(at, 0, field);
      return message(...all);
    });
  const anyModel = fc
    .record({
      attribute: withUnknown(bytes(1, 'alpha'), fixed(2, new Uint8Array(4)), varint(20, 1)),
      tensor: withUnknown(varint(1, 2), varint(2, 1), bytes(8, 'w'), bytes(9, new Uint8Array(8))),
      input: withUnknown(bytes(1, 'x'), bytes(2, tensorType(1, varint(1, 2)))),
    })
    .chain((parts) =>
      withUnknown(bytes(1, 'x'), bytes(1, 'w'), bytes(2, 'y'), bytes(4, 'LeakyRelu'), bytes(5, parts.attribute)).chain(
        (n) => withUnknown(bytes(1, n), bytes(5, parts.tensor), bytes(11, parts.input), bytes(12, floatValue('y'))),
      ),
    )
    .chain((g) => withUnknown(varint(1, 8), bytes(7, g), opset(17)));

  it('survive in every message, byte for byte where nothing changes', () => {
    fc.assert(
      fc.property(anyModel, (file) => {
        expect(encodeModel(decodeModel(file, 'm.onnx'))).toEqual(file);
        expectSameMessage(rewritten(decodeModel(file, 'm.onnx')), file);
      }),
    );
  });

  it('survive changes around them', () => {
    fc.assert(
      fc.property(anyModel, (file) => {
        const model = decodeModel(file, 'm.onnx');
        const { graph: inner } = model;
        model.metadata.set('k', 'v');
        inner.inputs[0]!.name = 'z';
        inner.nodes[0]!.inputs = ['z', 'v'];
        inner.initializers = new Map([['v', inner.initializers.get('w')!.renamed('v')]]);
        const changed = decodeModel(encodeModel(model), 'm.onnx');
        changed.metadata.delete('k');
        changed.graph.inputs[0]!.name = 'x';
        changed.graph.nodes[0]!.inputs = ['x', 'w'];
        changed.graph.initializers = new Map([['w', changed.graph.initializers.get('v')!.renamed('w')]]);
        expectSameMessage(rewritten(changed), file);
      }),
    );
  });
});

describe('data of a tensor', () => {
  const packed = (...values: number[]) => message(...values.map((v) => varint(0, v).subarray(1)));
  const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const doubles = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer);
  const read = (type: number, dims: Uint8Array[], ...data: Uint8Array[]) => {
    const tensor = message(...dims, varint(2, type), bytes(8, 'w'), ...data);
    const file = message(varint(1, 8), graph(bytes(5, tensor)), opset(17));
    expect(encodeModel(decodeModel(file, 'm.onnx'))).toEqual(file);
    return decodeModel(file, 'm.onnx').graph.initializers.get('w')!;
  };

  it.each([
    ['float32', 1, 4, floats(1.5, -2), [1.5, -2]],
    ['uint8', 2, 5, packed(1, 255), [1, 255]],
    ['int8', 3, 5, packed(1, -1), [1, -1]],
    ['uint16', 4, 5, packed(1, 65535), [1, 65535]],
    ['int16', 5, 5, packed(1, -1), [1, -1]],
    ['int32', 6, 5, packed(1, -1), [1, -1]],
    ['int64', 7, 7, packed(1, -1), [1, -1]],
    ['bool', 9, 5, packed(1, 0), [1, 0]],
    ['float16', 10, 5, packed(0x3c00, 0xc000), [1, -2]],
    ['float64', 11, 10, doubles(0.1, -2), [0.1, -2]],
    ['uint32', 12, 11, packed(1, 4294967295), [1, 4294967295]],
    ['uint64', 13, 11, packed(1, 2 ** 53), [1, 2 ** 53]],
    ['bfloat16', 16, 5, packed(0x3f80, 0xc000), [1, -2]],
  ])('%s is read from its typed field and from raw bytes', (type, code, field, data, values) => {
    const typed = read(code, [varint(1, 2)], bytes(field, data));
    expect(typed.type).toBe(type);
    expect([...typed.toNumbers()]).toEqual(values);
    const raw = read(code, [varint(1, 2)], bytes(9, typed.bytes()));
    expect([...raw.toNumbers()]).toEqual(values);
  });

  it('of 4 bits shares bytes, in the typed field too', () => {
    expect([...read(22, [varint(1, 3)], bytes(5, packed(0xe1, 0x07))).toNumbers()]).toEqual([1, -2, 7]);
  });

  it('of complex numbers is pairs', () => {
    expect(read(14, [varint(1, 1)], bytes(4, floats(1, 2))).byteLength).toBe(8);
    expect(read(15, [varint(1, 1)], bytes(10, doubles(1, 2))).byteLength).toBe(16);
  });

  it('may have its dims packed (proto3) or not, and typed data unpacked', () => {
    const unpacked = [fixed(4, floats(1)), fixed(4, floats(2))];
    expect(read(1, [bytes(1, packed(1, 2))], ...unpacked).dims).toEqual([1, 2]);
    expect([...read(1, [varint(1, 1), varint(1, 2)], ...unpacked).toNumbers()]).toEqual([1, 2]);
  });

  it('of strings is kept', () => {
    const tensor = read(8, [varint(1, 2)], bytes(6, 'a'), bytes(6, 'ü'));
    expect(tensor.toValue()).toEqual({ type: 'string', dims: [2], data: ['a', 'ü'] });
  });
});

describe('a changed model', () => {
  const model = () =>
    decodeModel(
      encodeModel(
        parseModel(`<ir_version: 8, opset_import: ["": 17]> g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
          y = Op <f = 0.5, i = 3, s = "a", fs = [0.5], is = [1], t = int8[1] {7}> (x, w)
        }`),
      ),
      'm.onnx',
    );
  const reread = (changed: Model) => decodeModel(encodeModel(changed), 'm.onnx');

  it('holds attributes whose value was replaced while their origin was kept', () => {
    const changed = model();
    const { attributes } = changed.graph.nodes[0]!;
    attributes.set('f', { ...attributes.get('f')!, kind: 'float', value: 0.25 });
    attributes.set('i', { ...attributes.get('i')!, kind: 'int', value: 4n });
    attributes.set('is', { ...attributes.get('is')!, kind: 'ints', value: [1n, 2n] });
    attributes.set('s', { ...attributes.get('s')!, kind: 'int', value: 9n });
    attributes.set('renamed', attributes.get('fs')!);
    attributes.delete('fs');
    const [node] = reread(changed).graph.nodes;
    expect([node!.float('f'), node!.int('i'), node!.ints('is'), node!.int('s')]).toEqual([0.25, 4, [1, 2], 9]);
    expect([node!.floats('renamed'), node!.floats('fs')]).toEqual([[0.5], undefined]);
  });

  it('holds types, initializers and names as they are now', () => {
    const changed = model();
    changed.graph.inputs[0]!.type = { kind: 'tensor', elem: 'float16', shape: ['N', undefined] };
    changed.graph.initializers.set('v', changed.graph.initializers.get('w')!);
    changed.graph.initializers.set('w', Tensor.from('w', 'int4', [3], [1, -2, 3]));
    const { graph: inner } = reread(changed);
    expect(inner.inputs[0]!.type).toEqual({ kind: 'tensor', elem: 'float16', shape: ['N', undefined] });
    expect([...inner.initializers.keys()]).toEqual(['w', 'v']);
    expect([...inner.initializers.get('w')!.toNumbers()]).toEqual([1, -2, 3]);
  });
});

const LOOP = `y = Loop <body = body (int64 i, bool keep_in, float state_in) => (bool keep, float state) {
  keep = Identity (keep_in)
  state = If (keep) <then_branch = t () => (float a) { a = Neg (x) }, else_branch = e () => (float b) { b = Abs (state_in) }>
}> (n, c, x)`;
const SCAN = 'y = Scan <num_scan_inputs = 1, body = b (float s) => (float o) { o = Neg (s) }> (x)';

describe('models of many versions', () => {
  it.each(Array.from({ length: 20 }, (_, i) => i + 7))('opset %d, with If, Loop and Scan', (version) => {
    for (const body of [LOOP, SCAN]) {
      const irVersion = Math.max(3, Math.min(13, version - 6));
      const text = `<ir_version: ${irVersion}, opset_import: ["": ${version}]>
        g (float x, int64 n, bool c, float w = {1}) => (float y) { ${body} }`;
      const file = encodeModel(parseModel(text));
      const model = decodeModel(file, 'm.onnx');
      expect(model.opset).toBe(version);
      expect(encodeModel(model)).toBe(file);
      expectSameMessage(rewritten(model), file);
    }
  });

  it('IR version 2, whose attributes name no type', () => {
    const attribute = message(bytes(1, 'alpha'), fixed(2, new Uint8Array(Float32Array.of(0.5).buffer)));
    const relu = bytes(1, node('LeakyRelu', ['x'], ['y'], bytes(5, attribute)));
    const file = message(varint(1, 2), graph(relu, bytes(11, floatValue('x')), bytes(12, floatValue('y'))));
    const model = decodeModel(file, 'm.onnx');
    expect(model.graph.nodes[0]!.float('alpha')).toBe(0.5);
    expectSameMessage(rewritten(model), file);
  });
});

describe('the models of ONNX itself (Debian libonnx-testdata, or NNCOMPRESS_ONNX_TESTDATA)', () => {
  const missing = !existsSync(TESTDATA);
  it.skipIf(missing)(`come back byte for byte${missing ? ' (skipped: not on this machine)' : ''}`, () => {
    const files = readdirSync(TESTDATA, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx'));
    expect(files.length).toBeGreaterThan(1000);
    for (const file of files) {
      const path = join(TESTDATA, file);
      const original = readFileSync(path);
      const model = readModel(path);
      expect(Buffer.compare(encodeModel(model), original), file).toBe(0);
      expect(sameMessage(decodeModelProto(rewritten(model)), decodeModelProto(original)), file).toBe(true);
    }
  });
});
