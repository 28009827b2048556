import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { decodeModel, readModel } from '../../src/onnx/read.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { bytes, message, varint } from './wire.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nncompress-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const MODEL = encodeModel(
  parseModel(`<ir_version: 8, opset_import: ["": 17]>
    g (float[N, 2] x, bool c) => (float[N, 2] y) <float[2] w = {1, 2}, string[1] s = {"a"}, int64[1] i = {-1}> {
      [n] a = Op <f = 0.5, is = [1, 2], t = int8[1] {3}, ss = ["a"]> (x, w, "", s)
      y = If (c) <then_branch = t () => (float r) { r = Abs (a) }, else_branch = e () => (float r) { r = Neg (i) }>
    }`),
);

/** What reading gives: a model, or the user's mistake; anything else fails the test. */
function outcome(file: Uint8Array): 'model' | UserError {
  try {
    decodeModel(file, 'm.onnx');
    return 'model';
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

describe('readModel', () => {
  it.each([
    ['an empty file', '', 'the file is empty; export or copy the model again'],
    ['a web page', '<!DOCTYPE html>\n<html>', 'is a web page, not an ONNX model; download the model itself'],
    ['text', 'hello world', 'not an ONNX model, or truncated ('],
    ['a line break', '\n', 'not an ONNX model, or truncated ('],
    ['JSON', '{"model_type": "bert"}', 'is a JSON file, not an ONNX model; name the .onnx file'],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\n',
      'is a Git LFS pointer, not an ONNX model; run git lfs pull',
    ],
    ['a ZIP archive', 'PK\x03\x04\x14\x00', 'is a ZIP archive (perhaps a PyTorch checkpoint), not an ONNX model'],
    ['gzip', gzipSync('model'), 'is a gzip archive, not an ONNX model; unpack it first'],
    ['a PNG', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'is a PNG image, not an ONNX model'],
    ['zeros', new Uint8Array(100), 'not an ONNX model, or truncated ('],
    ['a message without a graph', varint(1, 8), 'not an ONNX model, or truncated: it holds no graph'],
  ])('refuses %s in one line that names the file', (_, content, problem) => {
    const path = join(folder, 'm.onnx');
    writeFileSync(path, content);
    expect(() => readModel(path)).toThrow(`${path}: ${problem}`);
    expect(() => readModel(path)).toThrow(UserError);
  });

  it('refuses a folder and a missing file', () => {
    expect(() => readModel(folder)).toThrow(`${folder}: is a folder, not a model; name the .onnx file`);
    expect(() => readModel(join(folder, 'none.onnx'))).toThrow('none.onnx: no such file; check the path of the model');
  });
});

describe('decodeModel', () => {
  it('gives a model or a UserError for a file cut anywhere', () => {
    const outcomes = Array.from({ length: MODEL.length }, (_, length) => outcome(MODEL.subarray(0, length)));
    expect(outcomes.every((result) => result !== 'model')).toBe(true);
    expect(outcome(MODEL)).toBe('model');
  });

  it('gives a model or a UserError where bytes are wrong', () => {
    const changes = fc.array(fc.tuple(fc.nat(MODEL.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(changes, (list) => {
        const file = Uint8Array.from(MODEL);
        for (const [at, byte] of list) file[at] = byte;
        outcome(file);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives a model or a UserError for any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (file) => void outcome(file)));
  });

  const withGraph = (...fields: Uint8Array[]) =>
    message(varint(1, 8), bytes(7, message(...fields)), bytes(8, message(varint(2, 17))));
  const withTensor = (...fields: Uint8Array[]) => withGraph(bytes(5, message(bytes(8, 'w'), ...fields)));

  it.each([
    ['an unknown element type', withTensor(varint(2, 99)), 'tensor w: has the unknown element type 99'],
    ['no element type', withTensor(), 'tensor w: has the unknown element type 0'],
    [
      'too few bytes',
      withTensor(varint(1, 2), varint(2, 1), bytes(9, new Uint8Array(4))),
      'tensor w: holds 4 bytes where float32[2] needs 8',
    ],
    ['no data at all', withTensor(varint(1, 2), varint(2, 1)), 'tensor w: holds 0 bytes where float32[2] needs 8'],
    [
      'too few strings',
      withTensor(varint(1, 2), varint(2, 8), bytes(6, 'a')),
      'tensor w: holds 1 strings where [2] needs 2',
    ],
    ['a negative size', withTensor(varint(1, -2), varint(2, 1)), 'tensor w: has a negative size in its shape [-2]'],
    [
      'sizes whose product overflows',
      withTensor(varint(1, 2n ** 40n), varint(1, 2n ** 40n), varint(2, 1), bytes(9, new Uint8Array(4))),
      'tensor w: holds 4 bytes where float32[1099511627776,1099511627776] needs 4.8',
    ],
    ['segments', withTensor(varint(2, 1), bytes(3, new Uint8Array(0))), 'tensor w: is stored in segments'],
    [
      'two initializers of one name',
      withGraph(...['w', 'w'].map((n) => bytes(5, message(bytes(8, n), varint(2, 1), bytes(9, new Uint8Array(4)))))),
      'initializer w: appears twice',
    ],
    ['a node without operator', withGraph(bytes(1, message(bytes(2, 'y')))), 'node y (): names no operator'],
    ['no operator set', message(varint(1, 8), bytes(7, message(bytes(2, 'g')))), 'm.onnx: names no operator set'],
  ])('refuses %s', (_, file, problem) => {
    expect(() => decodeModel(file, 'm.onnx')).toThrow(problem);
    expect(() => decodeModel(file, 'm.onnx')).toThrow(/^m\.onnx: [^\n]*; export the model again$/);
  });

  it('refuses messages nested too deep', () => {
    let inner = message(bytes(2, 'g'));
    for (let depth = 0; depth < 1000; depth++)
      inner = message(bytes(1, message(bytes(4, 'If'), bytes(5, message(bytes(1, 'then_branch'), bytes(6, inner))))));
    expect(outcome(message(varint(1, 8), bytes(7, inner), bytes(8, message(varint(2, 17)))))).toBeInstanceOf(UserError);
  });

  it('reads names that are not UTF-8', () => {
    const name = Uint8Array.of(0x61, 0xff, 0xfe);
    const node = message(bytes(2, name), bytes(3, name), bytes(4, 'Op'));
    const file = withGraph(bytes(1, node), bytes(12, message(bytes(1, name))));
    const model = decodeModel(file, 'm.onnx');
    expect(model.graph.nodes[0]!.label).toBe('a\ufffd\ufffd');
    expect(encodeModel(model)).toBe(file);
  });
});
