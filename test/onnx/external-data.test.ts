import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/model.js';
import { Tensor } from '../../src/ir/tensor.js';
import { readModel } from '../../src/onnx/read.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel, externalLocations, plannedFiles, usesExternalData, writeModel } from '../../src/onnx/write.js';
import { bytes, message, varint } from './wire.js';

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nncompress-'));
  folder = join(root, 'model');
  mkdirSync(folder);
});
afterEach(() => rmSync(root, { recursive: true }));

const DATA = Uint8Array.from({ length: 16 }, (_, i) => i);
const HEADER = '<ir_version: 8, opset_import: ["": 17]>';

/** A model of one uint8[4] constant, or of the constants given, each at a place outside the file. */
function modelAt(places: Record<string, Record<string, string>>): string {
  const path = join(folder, 'm.onnx');
  const entry = ([key, value]: [string, string]) => bytes(13, message(bytes(1, key), bytes(2, value)));
  const tensors = Object.entries(places).map(([name, place]) =>
    bytes(5, message(varint(1, 4), varint(2, 2), bytes(8, name), varint(14, 1), ...Object.entries(place).map(entry))),
  );
  writeFileSync(path, message(varint(1, 8), bytes(7, message(...tensors)), bytes(8, message(varint(2, 17)))));
  return path;
}

const contents = (model: Model) =>
  Object.fromEntries([...model.graph.initializers].map(([name, tensor]) => [name, [...tensor.bytes()]]));

describe('external data', () => {
  it('is read from several files, at offsets, with and without a length', () => {
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'a.bin'), DATA);
    writeFileSync(join(folder, 'sub', 'b.bin'), DATA.subarray(8));
    const model = readModel(
      modelAt({
        start: { location: 'a.bin' },
        middle: { location: 'a.bin', offset: '6', length: '4' },
        end: { location: 'a.bin', offset: '12', checksum: 'unknown entries are kept' },
        other: { location: 'sub/b.bin', offset: '1' },
        dotted: { location: './a.bin' },
      }),
    );
    expect(contents(model)).toEqual({
      start: [0, 1, 2, 3],
      middle: [6, 7, 8, 9],
      end: [12, 13, 14, 15],
      other: [9, 10, 11, 12],
      dotted: [0, 1, 2, 3],
    });
    expect([...model.graph.initializers.get('middle')!.bytes(1, 3)]).toEqual([7, 8]);
    expect([...externalLocations(model)]).toEqual(['a.bin', 'sub/b.bin', './a.bin']);
  });

  it.each([
    ['no file name', { offset: '0' }, "external data '' has no file name"],
    ['a missing file', { location: 'none.bin' }, "external data 'none.bin' does not exist"],
    ['a folder', { location: 'sub' }, "external data 'sub' is not a file"],
    ['a path upwards', { location: '../secret.bin' }, "external data '../secret.bin' leaves the model's folder"],
    ['a hidden path upwards', { location: 'sub/../../secret.bin' }, "leaves the model's folder"],
    ['a Windows path upwards', { location: 'sub\\..\\..\\secret.bin' }, "leaves the model's folder"],
    ['an absolute path', { location: '/etc/passwd' }, "external data '/etc/passwd' is an absolute path"],
    ['a Windows path', { location: 'C:\\secret.bin' }, 'is an absolute path'],
    ['a Windows drive', { location: 'c:secret.bin' }, 'is an absolute path'],
    ['a network path', { location: '\\\\host\\secret.bin' }, 'is an absolute path'],
    ['a NUL byte', { location: 'a.bin\0' }, 'is no file name'],
    ['a link out of the folder', { location: 'link.bin' }, "is a link that leaves the model's folder"],
    ['a file in a linked folder', { location: 'out/secret.bin' }, "is a link that leaves the model's folder"],
    [
      'too short a file',
      { location: 'a.bin', offset: '13' },
      'a.bin has 16 bytes, too few for 4 at 13; the data file is',
    ],
    ['another length', { location: 'a.bin', length: '5' }, 'external data of 5 bytes where the shape needs 4'],
    ['a negative offset', { location: 'a.bin', offset: '-4' }, "the offset of its external data is '-4', not a number"],
    ['no number', { location: 'a.bin', length: 'four' }, "the length of its external data is 'four', not a number"],
  ])('is refused with %s', (_, place, problem) => {
    writeFileSync(join(root, 'secret.bin'), DATA);
    writeFileSync(join(folder, 'a.bin'), DATA);
    mkdirSync(join(folder, 'sub'));
    symlinkSync(join(root, 'secret.bin'), join(folder, 'link.bin'));
    symlinkSync(root, join(folder, 'out'));
    const path = modelAt({ w: place as unknown as Record<string, string> });
    expect(() => readModel(path)).toThrow(`${path}: tensor w: `);
    expect(() => readModel(path)).toThrow(problem);
  });

  it('may be a link beside a linked model, as in the cache of the Hugging Face Hub', () => {
    const blobs = join(root, 'blobs');
    mkdirSync(blobs);
    writeFileSync(join(blobs, '1234'), DATA);
    writeFileSync(join(blobs, '5678'), readFileSync(modelAt({ w: { location: 'model.onnx_data' } })));
    const path = join(folder, 'model.onnx');
    symlinkSync(join(blobs, '5678'), path);
    symlinkSync(join(blobs, '1234'), join(folder, 'model.onnx_data'));
    expect(contents(readModel(path))).toEqual({ w: [0, 1, 2, 3] });
  });

  it('is not read from a file that changed in between', () => {
    const data = join(folder, 'a.bin');
    writeFileSync(data, DATA);
    const model = readModel(modelAt({ w: { location: 'a.bin' } }));
    writeFileSync(data, DATA.subarray(4));
    expect(() => contents(model)).toThrow(`${data}: the file changed since the model was read; run again`);
    rmSync(data);
    expect(() => contents(model)).toThrow(`${data}: cannot read the external data`);
  });
});

describe('writeModel', () => {
  const filesIn = (path: string) => readdirSync(path).sort();

  it('copies an unmodified model with its data files, byte for byte', async () => {
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'a.bin'), DATA);
    writeFileSync(join(folder, 'sub', 'b.bin'), DATA.subarray(8));
    const path = modelAt({ w: { location: 'a.bin' }, v: { location: 'sub/b.bin', offset: '2' } });
    const target = join(root, 'copy.onnx');
    const planned = plannedFiles(readModel(path), target);
    const written = await writeModel(readModel(path), target);
    expect(written).toEqual({ files: planned, bytes: readFileSync(path).length + 24 });
    expect(written.files.map((file) => file.slice(root.length + 1))).toEqual(['copy.onnx', 'a.bin', 'sub/b.bin']);
    expect(readFileSync(target)).toEqual(readFileSync(path));
    expect(readFileSync(join(root, 'a.bin'))).toEqual(Buffer.from(DATA));
    expect(contents(readModel(target))).toEqual(contents(readModel(path)));
  });

  it('leaves the data alone where the copy lies beside the model', async () => {
    writeFileSync(join(folder, 'a.bin'), DATA);
    const path = modelAt({ w: { location: 'a.bin' } });
    await writeModel(readModel(path), join(folder, 'copy.onnx'));
    expect(filesIn(folder)).toEqual(['a.bin', 'copy.onnx', 'm.onnx']);
  });

  it('brings the data into the file where the model changed', async () => {
    writeFileSync(join(folder, 'a.bin'), DATA);
    const model = readModel(modelAt({ w: { location: 'a.bin', offset: '3' } }));
    model.graph.initializers.set('k', Tensor.from('k', 'uint8', [1], [9]));
    expect(usesExternalData(model)).toBe(true);
    const target = join(root, 'changed.onnx');
    expect(plannedFiles(model, target)).toEqual([target]);
    expect((await writeModel(model, target)).files).toEqual([target]);
    const again = readModel(target);
    expect(usesExternalData(again)).toBe(false);
    expect(contents(again)).toEqual({ w: [3, 4, 5, 6], k: [9] });
    expect(encodeModel(model)).toEqual(readFileSync(target));
  });

  it('counts data no more that a pass has replaced', () => {
    writeFileSync(join(folder, 'a.bin'), DATA);
    const model = readModel(modelAt({ w: { location: 'a.bin' } }));
    model.graph.initializers.set('w', Tensor.from('w', 'uint8', [4], [1, 2, 3, 4]));
    expect(usesExternalData(model)).toBe(false);
  });

  it('brings in the data of parts that the graph model leaves closed', () => {
    writeFileSync(join(folder, 'a.bin'), DATA);
    const entry = bytes(13, message(bytes(1, 'location'), bytes(2, 'a.bin')));
    const tensor = message(varint(1, 4), varint(2, 2), varint(14, 1), entry);
    const constant = message(
      bytes(2, 'v'),
      bytes(4, 'Constant'),
      bytes(5, message(bytes(1, 'value'), bytes(5, tensor), varint(20, 4))),
    );
    const fn = message(bytes(1, 'f'), bytes(5, 'v'), bytes(7, constant), bytes(10, 'local'));
    const path = join(folder, 'm.onnx');
    writeFileSync(
      path,
      message(varint(1, 8), bytes(7, message(bytes(2, 'g'))), bytes(8, message(varint(2, 17))), bytes(25, fn)),
    );
    const model = readModel(path);
    expect([...externalLocations(model)]).toEqual(['a.bin']);
    expect(Buffer.from(encodeModel(model)).includes('a.bin')).toBe(false);
    expect(Buffer.from(encodeModel(model)).includes(Buffer.from([74, 4, 0, 1, 2, 3]))).toBe(true);
  });
});

describe('a model beyond the size of one message', () => {
  const limit = { inlineLimit: 8000 };
  const ramp = (name: string, count: number, start: number) =>
    Tensor.from(
      name,
      'int16',
      [count],
      Array.from({ length: count }, (_, i) => start + i),
    );

  function large(): Model {
    const model = parseModel(`${HEADER} g (float x) => (float x) <int64[2] small = {1, 2}> {
      inner = Constant <value = int8[1] {1}> ()
    }`);
    for (const tensor of [ramp('a', 2000, 0), ramp('b', 3000, 2000)]) model.addInitializer(tensor);
    model.addInitializer(Tensor.lazy('lazy', 'int16', [1000], () => Int16Array.from({ length: 1000 }, (_, i) => -i)));
    return model;
  }

  it('puts its tensors into a file beside it, at offsets of whole pages', async () => {
    const target = join(folder, 'large.onnx');
    expect(plannedFiles(large(), target, limit)).toEqual([target, `${target}.data`]);
    const written = await writeModel(large(), target, limit);
    expect(written.files).toEqual([target, `${target}.data`]);
    expect(readFileSync(`${target}.data`).length).toBe(4096 + 8192 + 2000);
    expect(written.bytes).toBe(readFileSync(target).length + 4096 + 8192 + 2000);
    expect(readdirSync(folder).sort()).toEqual(['large.onnx', 'large.onnx.data']);
    const again = readModel(target);
    expect([...externalLocations(again)]).toEqual(['large.onnx.data']);
    expect(contents(again)).toEqual(contents(large()));
    expect(again.constant('small')!.byteLength).toBe(16);
  });

  it('is written over the very files it is read from', async () => {
    const target = join(folder, 'large.onnx');
    await writeModel(large(), target, limit);
    const model = readModel(target);
    model.graph.initializers.delete('a');
    model.addInitializer(ramp('c', 1000, 7));
    await writeModel(model, target, limit);
    const { a: _, ...rest } = contents(large());
    expect(contents(readModel(target))).toEqual({ ...rest, c: [...ramp('c', 1000, 7).bytes()] });
    expect(() => contents(model)).toThrow('the file changed since the model was read');
  });

  it('leaves nothing where its data cannot be written', async () => {
    const target = join(folder, 'large.onnx');
    mkdirSync(`${target}.data`);
    await expect(writeModel(large(), target, limit)).rejects.toThrow(`${target}.data: cannot write: `);
    expect(readdirSync(folder)).toEqual([`${basename(target)}.data`]);
  });
});
