import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IMAGES, isThorough, killAfter, nncompress, readReport, SPEECH, scratch } from './program.js';

const IMAGES_TRAIN = 'fixtures/fashion-mnist/train-images-idx3-ubyte.gz';
const SPEECH_TRAIN = 'fixtures/spoken-digits/train';
const PORTABLE = ['--method', 'static', '--per-tensor', '--reduce-range', '--no-benchmark'];

describe('quantize --qat', () => {
  it('trains a plan and shows it beside post-training quantization', () => {
    const folder = scratch();
    const [output, path] = ['out.onnx', 'report.json'].map((name) => join(folder, name)) as [string, string];
    const args = ['--qat', '--train', IMAGES_TRAIN, '--batch', '32', '--data', IMAGES[1], '--limit', '200'];
    const { status, stdout } = nncompress('quantize', IMAGES[0], ...args, ...PORTABLE, '-o', output, '--report', path);
    expect(status).toBe(0);
    expect(stdout).toMatch(/QAT .*points.*of accuracy against post-training/);
    const { models, quantization, training, calibration } = readReport(path);
    const [original, before, after] = models;
    expect(models.map(({ role }) => role)).toEqual(['original', 'post-training', 'compressed']);
    expect(after!.operators).toEqual(before!.operators);
    expect(after!.metrics!.accuracy).toBeGreaterThan(original!.metrics!.accuracy - 0.03);
    expect(quantization!.integerKernels).toMatchObject({
      'com.microsoft.QLinearConv': 19,
      'com.microsoft.QLinearAdd': 3,
      'com.microsoft.QGemm': 1,
    });
    expect(quantization!.qat).toMatchObject({ temperature: 4, alpha: 0.5, samples: 468, labelled: 468, ranges: 24 });
    expect(quantization!.qat!.againstPostTraining.sizeRatio).toBeCloseTo(1, 2);
    expect(calibration).toMatchObject({ path: IMAGES_TRAIN, samples: 256 });
    const accuracies = training!.history.map(({ validationAccuracy }) => validationAccuracy!);
    expect(accuracies).toHaveLength(2);
    expect(accuracies[training!.bestEpoch]).toBe(Math.max(...accuracies));
    expect(readdirSync(folder).sort()).toEqual(['out.onnx', 'report.json']);
  });

  it.runIf(isThorough)('begins with post-training quantization, to the bit', () => {
    const folder = scratch();
    const files = ['ptq.onnx', 'qat.onnx'].map((name) => join(folder, name)) as [string, string];
    const [model, test] = SPEECH;
    const common = [model, '--calibration', SPEECH_TRAIN, '--calibration-method', 'mse', ...PORTABLE];
    expect(nncompress('quantize', ...common, '-o', files[0]).status).toBe(0);
    const trained = ['--qat', '--train', SPEECH_TRAIN, '--data', test, '--epochs', '0', '-o', files[1]];
    const { status, stdout } = nncompress('quantize', ...common, ...trained);
    expect(status).toBe(0);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('training did not help: the result is that of post-training');
    expect(readFileSync(files[1]).equals(readFileSync(files[0]))).toBe(true);
  });

  it('trains for rounded weights where activations keep no range, and says so', () => {
    const folder = scratch();
    const train = ['--qat', '--train', SPEECH_TRAIN, '--batch', '16', '--no-benchmark', '-o', join(folder, 'o.onnx')];
    const { status, stderr } = nncompress('quantize', SPEECH[0], '--method', 'int8-weights', ...train);
    expect(status).toBe(0);
    expect(stderr).toContain('training makes up for rounded weights alone');
    expect(stderr).toMatch(/quantization-aware training, epoch 1: loss/);
  });

  it.runIf(isThorough)('killed and resumed gives the same file, by the plan that was found before', async () => {
    const folder = scratch();
    const args = [
      ...['quantize', SPEECH[0], '--qat', '--train', SPEECH_TRAIN, '--batch', '8', '--checkpoint-every', '0.001'],
      ...['--teacher-cache', join(folder, 'teacher'), '--no-benchmark'],
    ];
    const [whole, killed] = ['whole.onnx', 'killed.onnx'].map((name) => join(folder, name)) as [string, string];
    expect(nncompress(...args, '-o', whole).status).toBe(0);
    await killAfter(3, `${killed}.checkpoint`, [...args, '-o', killed]);
    const other = nncompress(...args, '-o', killed, '--resume', '--per-tensor');
    expect({ status: other.status, stderr: other.stderr }).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('was left by a run with another model, other data or other options'),
    });
    expect(nncompress(...args, '-o', killed, '--resume').status).toBe(0);
    expect(readFileSync(killed).equals(readFileSync(whole))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['killed.onnx', 'teacher', 'whole.onnx']);
  });

  it.each([
    [['--qat'], /^--qat: needs data to train on: name some with --train$/],
    [['--train', SPEECH_TRAIN], /^--train: nothing is trained without --qat$/],
    [['--qat', '--train', SPEECH_TRAIN, '--method', 'fp16'], /^--qat: simulates 8-bit integers: take --method auto/],
    [['--qat', '--train', SPEECH_TRAIN, '--target', 'cuda'], /^--qat: trains for integer kernels, which this target/],
    [['--qat', '--train', SPEECH_TRAIN, '--temperature', '0'], /^--temperature: expected a number above 0, got '0'$/],
    [['--qat', '--train', SPEECH_TRAIN, '--batch', '1000'], /has 90 samples to train on, fewer than the 1000/],
    [['--qat', '--train', 'none'], /^none: there is no such file/],
  ])('refuses %j in one line, and writes nothing', (extra, says) => {
    const folder = scratch();
    const output = ['-o', join(folder, 'out.onnx'), '--teacher-cache', join(folder, 'teacher')];
    const { status, stderr } = nncompress('quantize', SPEECH[0], ...output, '--no-benchmark', '-q', ...extra);
    expect(stderr).toMatch(/^nncompress: [^\n]+\n$/);
    expect(stderr.slice('nncompress: '.length, -1)).toMatch(says);
    expect(status).toBe(2);
    expect(readdirSync(folder).filter((name) => name !== 'teacher')).toEqual([]);
  });
});
