import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { npy } from '../data/numpy.js';
import { bytes, message, varint } from '../onnx/wire.js';
import { IMAGES, nncompress, root, SPEECH, scratch, TEXTS } from './program.js';

let folder: string;
beforeEach(() => {
  folder = scratch();
});
const at = (...names: string[]) => join(folder, ...names);

/** Writes a model given as ONNX text. */
function modelOf(text: string): string {
  writeFileSync(at('model.onnx'), encodeModel(parseModel(`<ir_version: 8, opset_import: ["" : 17]> ${text}`)));
  return at('model.onnx');
}

/** A model whose weight lies at a place outside its file. */
function modelWithDataAt(location: string): string {
  const entry = bytes(13, message(bytes(1, 'location'), bytes(2, location)));
  const tensor = bytes(5, message(varint(1, 4), varint(2, 1), bytes(8, 'w'), varint(14, 1), entry));
  writeFileSync(at('model.onnx'), message(varint(1, 8), bytes(7, message(tensor)), bytes(8, message(varint(2, 17)))));
  return at('model.onnx');
}

const floats = (values: number[]) => Buffer.from(Float32Array.from(values).buffer);
const wholes = (values: number[]) => Buffer.from(BigInt64Array.from(values.map(BigInt)).buffer);

/** A classifier of 3 features into 2 classes, and data for it. */
const CLASSIFIER = `net (float[batch, 3] x) => (float[batch, 2] y)
  <float[3, 2] w = {1, 2, 3, 4, 5, 6}> { y = MatMul(x, w) }`;

/** Expects one line on stderr that says all of some texts, exit code 2, and no file that was not there. */
function refuse(args: string[], ...says: (string | RegExp)[]): void {
  const before = readdirSync(folder, { recursive: true });
  const { status, stdout, stderr } = nncompress(...args);
  expect(stderr).toMatch(/^nncompress: [^\n]+\n$/);
  expect(stderr).not.toMatch(/ at .*\.js:\d|this is a bug|\bundefined\b/);
  for (const text of says) expect(stderr).toMatch(text);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(readdirSync(folder, { recursive: true })).toEqual(before);
}
const quantize = (model: string, ...args: string[]) => ['quantize', model, '-o', at('out.onnx'), ...args];

describe('a model that', () => {
  const broken = at.bind(undefined, 'model.onnx');
  it('is not there', () => refuse(quantize(at('no.onnx')), 'no.onnx', 'no such file'));
  it('is empty', () => {
    writeFileSync(broken(), '');
    refuse(quantize(broken()), 'model.onnx', 'empty');
  });
  it('is cut off', () => {
    copyFileSync(join(root, SPEECH[0]), broken());
    truncateSync(broken(), 100_000);
    refuse(quantize(broken()), 'model.onnx');
  });
  it('is something else', () => {
    writeFileSync(broken(), 'label,text\n1,hello\n');
    refuse(quantize(broken()), 'model.onnx', 'ONNX');
  });
  it.each([
    ['has a cycle', 'y', 'cycle'],
    ['lacks a weight', 'weight', 'weight'],
  ])('%s', (_, input, says) => {
    const model = parseModel(
      '<ir_version: 8, opset_import: ["" : 17]> net (float[1] x) => (float[1] y) { y = Add(x, x) }',
    );
    model.graph.nodes[0]!.inputs[1] = input;
    writeFileSync(broken(), encodeModel(model));
    refuse(quantize(broken()), 'model.onnx', says);
  });
  it('needs an operator that is not there', () => {
    const text = 'net (float[1] x) => (float[1] y) { h = mine.Secret(x)  y = Relu(h) }';
    const model = `<ir_version: 8, opset_import: ["" : 17, "mine" : 1]> ${text}`;
    writeFileSync(at('model.onnx'), encodeModel(parseModel(model)));
    refuse(quantize(at('model.onnx')), 'model.onnx', 'Secret');
  });
  it('holds nothing to quantize', () => {
    refuse(quantize(modelOf('net (float[1] x) => (float[1] y) { y = Relu(x) }')), 'model.onnx', 'no node');
  });
  it.each([
    ['above its folder', '../weights.bin'],
    ['at an absolute path', '/etc/hostname'],
    ['behind a link', 'link.bin'],
    ['nowhere', 'missing.bin'],
  ])('has weights %s', (_, location) => {
    if (location === 'link.bin') symlinkSync('/etc/hostname', at('link.bin'));
    refuse(quantize(modelWithDataAt(location)), 'model.onnx', location);
  });
});

describe('options', () => {
  it('that name no provider', () => refuse(quantize(IMAGES[0], '--device', 'tpu'), '--device', 'tpu', 'cpu'));
  it('that ask for static ranges of nothing', () =>
    refuse(quantize(IMAGES[0], '--method', 'static'), 'static', '--calibration'));
  it('that contradict each other', () => refuse(quantize(IMAGES[0], '--per-channel', '--per-tensor'), 'per-tensor'));
  it('that name an output that exists', () => {
    writeFileSync(at('out.onnx'), 'old');
    refuse(quantize(IMAGES[0]), 'out.onnx', 'exists', '--force');
    expect(readFileSync(at('out.onnx'), 'utf8')).toBe('old');
  });
  it('that name an output in no folder', () =>
    refuse(['quantize', IMAGES[0], '-o', at('none', 'out.onnx')], 'none', 'folder'));
  it('that name a report of no form', () =>
    refuse(quantize(IMAGES[0], '--report', at('report.docx')), 'report.docx', 'json'));
});

describe('data that', () => {
  it('is not there', () => refuse(quantize(IMAGES[0], '--data', at('none')), 'none', 'no such'));
  it('is an empty folder', () => {
    mkdirSync(at('data'));
    refuse(quantize(IMAGES[0], '--data', at('data')), 'data', 'no images');
  });
  it('has no labels', () => {
    copyFileSync(join(root, IMAGES[1]), at('images-idx3-ubyte.gz'));
    refuse(['evaluate', IMAGES[0], '--data', at('images-idx3-ubyte.gz')], 'images-idx3-ubyte.gz', 'labels');
  });
  it('has labels outside the classes', () => {
    writeFileSync(at('data.csv'), 'text,category\nwhere is my card,card_arrival\nhow are you,small_talk\n');
    refuse(quantize(TEXTS[0], '--data', at('data.csv')), 'data.csv', 'small_talk');
  });
  it('has other shapes or values than the model takes', () => {
    const model = modelOf(CLASSIFIER);
    const labels = npy('<i8', [2], wholes([0, 1]));
    const data = (dims: number[], values: number[]) => {
      writeFileSync(at('data.npz'), zipSync({ 'x.npy': npy('<f4', dims, floats(values)), 'labels.npy': labels }));
      return at('data.npz');
    };
    refuse(quantize(model, '--data', data([2, 4], [1, 2, 3, 4, 5, 6, 7, 8])), 'data.npz', 'x', '4', '3');
    refuse(quantize(model, '--data', data([2, 3], [1, 2, 3, 4, Number.NaN, 6])), 'data.npz', 'row 1', 'NaN');
    refuse(
      quantize(model, '--data', data([2, 3], [1, 2, 3, 4, 5, Number.POSITIVE_INFINITY])),
      'data.npz',
      'row 1',
      'infinity',
    );
  });
  it('holds an image that is none', () => {
    mkdirSync(at('data', 'Bag'), { recursive: true });
    writeFileSync(at('data', 'Bag', '1.png'), 'no image');
    refuse(quantize(IMAGES[0], '--data', at('data')), '1.png', '--skip-bad-samples');
  });
  it('holds a sound that is none', () => {
    cpSync(join(root, SPEECH[1]), at('data'), { recursive: true });
    const name = readdirSync(at('data', '7'))[0]!;
    truncateSync(at('data', '7', name), 30);
    refuse(quantize(SPEECH[0], '--data', at('data'), '--no-benchmark'), name, '--skip-bad-samples');
  });
  it('is a table with broken quotes', () => {
    writeFileSync(at('data.csv'), 'text,category\nwhere is my card,card_arrival\n"how are you,card_arrival\n');
    refuse(quantize(TEXTS[0], '--data', at('data.csv')), 'data.csv', 'line 3', 'quote');
  });
  it('needs a tokenizer that is missing', () => {
    for (const name of ['model.onnx', 'config.json']) copyFileSync(join(root, TEXTS[0], '..', name), at(name));
    refuse(quantize(at('model.onnx'), '--data', TEXTS[1]), 'tokenizer.json');
  });
});

describe.skipIf(process.platform === 'win32')('an output', () => {
  it('that does not fit leaves nothing', () => {
    const command = `ulimit -f 8; "$0" bin/nncompress.js quantize ${SPEECH[0]} --no-benchmark -o '${at('out.onnx')}'`;
    const { status, stderr } = spawnSync('sh', ['-c', command, process.execPath], { cwd: root, encoding: 'utf8' });
    expect(stderr).toMatch(/^nncompress: .*out\.onnx: cannot write: .*\n$/);
    expect(status).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('--skip-bad-samples', () => {
  it('leaves bad samples out and counts them', () => {
    cpSync(join(root, SPEECH[1]), at('data'), { recursive: true });
    const name = readdirSync(at('data', '7'))[0]!;
    truncateSync(at('data', '7', name), 30);
    const args = ['--data', at('data'), '--skip-bad-samples', '--no-benchmark', '--json'];
    const { status, stdout } = nncompress('evaluate', SPEECH[0], ...args);
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.data.samples).toBe(249);
    expect(report.warnings).toEqual(['1 samples could not be read and were left out']);
  });
});
