import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reportSchema } from '../../src/report/schema.js';
import { FEATURES, IMAGES, nncompress, readReport, SPEECH, scratch, TEXTS } from './program.js';

describe('quantize with its defaults', () => {
  it.each([
    { kind: 'images', model: IMAGES, samples: 2000, classes: 10, accuracy: 0.924, drop: 0.005 },
    { kind: 'waveforms', model: SPEECH, samples: 250, classes: 10, accuracy: 0.956, drop: 0.012 },
    { kind: 'log-mel features', model: FEATURES, samples: 250, classes: 10, accuracy: 0.996, drop: 0.012 },
    { kind: 'texts', model: TEXTS, samples: 3080, classes: 77, accuracy: 0.8873, drop: 0.005 },
  ])('keeps the accuracy on $kind', ({ model: [path, data], samples, classes, accuracy, drop }) => {
    const folder = scratch();
    const output = join(folder, 'small.onnx');
    const report = join(folder, 'report.json');
    const args = ['--data', data, '-o', output, '--report', report, '--quiet'];
    const { status, stdout, stderr } = nncompress('quantize', path, ...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('smaller');

    const found = readReport(report);
    const [original, compressed] = found.models;
    expect(found).toMatchObject({ command: 'quantize', data: { path: data, samples, classes }, gates: [] });
    expect(original).toMatchObject({ role: 'original', path, bytes: statSync(path).size, provider: 'cpu' });
    expect(compressed).toMatchObject({ role: 'compressed', path: output, bytes: statSync(output).size });
    expect(original!.metrics!.accuracy).toBeCloseTo(accuracy, 3);
    expect(found.comparison!.accuracyDrop!.value).toBeLessThanOrEqual(drop);
    expect(found.comparison!.sizeRatio).toBeGreaterThan(2.5);
    expect(found.comparison!.speedup!.value).toBeGreaterThan(0);
    expect(readdirSync(folder).sort()).toEqual(['report.json', 'small.onnx']);
  });
});

describe('quantize --method static', () => {
  it('computes in integers', () => {
    const output = join(scratch(), 'small.onnx');
    const args = ['--method', 'static', '--no-benchmark', '--json', '-o', output];
    const { status, stdout } = nncompress('quantize', IMAGES[0], '--data', IMAGES[1], ...args);
    expect(status).toBe(0);
    const { quantization, calibration, nodes, comparison } = reportSchema.parse(JSON.parse(stdout));
    expect(quantization!.integerKernels).toMatchObject({
      'com.microsoft.QLinearConv': 19,
      'com.microsoft.QLinearAdd': 3,
      'com.microsoft.QGemm': 1,
    });
    expect(calibration).toEqual({
      path: 'fixtures/fashion-mnist/train-images-idx3-ubyte.gz',
      samples: 256,
      method: 'minmax',
    });
    expect(nodes!.map(({ decision }) => decision)).toEqual(Array(20).fill('static'));
    expect(comparison!.speedup).toBeUndefined();
  });
  it('gives the same file again', () => {
    const folder = scratch();
    const files = ['a.onnx', 'b.onnx'].map((name) => join(folder, name));
    for (const file of files)
      nncompress('quantize', SPEECH[0], '--calibration', SPEECH[1], '--method', 'static', '--no-benchmark', '-o', file);
    expect(readFileSync(files[0]!).equals(readFileSync(files[1]!))).toBe(true);
  });
});

describe('quantize without data', () => {
  it('says what it could not check', () => {
    const output = join(scratch(), 'small.onnx');
    const { status, stdout } = nncompress('quantize', TEXTS[0], '--no-benchmark', '--json', '-o', output);
    expect(status).toBe(0);
    const { models, comparison, warnings } = reportSchema.parse(JSON.parse(stdout));
    expect(models.map(({ metrics }) => metrics)).toEqual([undefined, undefined]);
    expect(comparison!.sizeRatio).toBeGreaterThan(2.5);
    expect(warnings.join('\n')).toContain('accuracy was not checked: no labelled data was given (--data)');
  });
});

describe('gates', () => {
  it('that fail end with code 1; the model and the report are written', () => {
    const folder = scratch();
    const [output, report] = [join(folder, 'small.onnx'), join(folder, 'report.json')];
    const gate = ['--min-accuracy', '0.99', '--max-size', '1MB', '--no-benchmark'];
    const args = ['--data', SPEECH[1], '-o', output, '--report', report, ...gate];
    const { status, stdout } = nncompress('quantize', SPEECH[0], ...args);
    expect(status).toBe(1);
    expect(stdout).toContain('min-accuracy');
    expect(existsSync(output)).toBe(true);
    expect(readReport(report).gates).toMatchObject([
      { name: 'min-accuracy', limit: 0.99, passed: false },
      { name: 'max-size', limit: 1e6, passed: true },
    ]);
  });
  it('on the drop hold, or put nodes back to float until they do', () => {
    const output = join(scratch(), 'small.onnx');
    const args = ['--data', SPEECH[1], '-o', output, '--max-drop', '0', '--no-benchmark', '--json'];
    const { status, stdout } = nncompress('quantize', SPEECH[0], ...args);
    const { gates, comparison } = reportSchema.parse(JSON.parse(stdout));
    expect(gates).toMatchObject([{ name: 'max-drop', limit: 0, passed: true }]);
    expect(comparison!.accuracyDrop!.value).toBeLessThanOrEqual(0);
    expect(status).toBe(0);
  });
});
