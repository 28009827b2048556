import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IMAGES, isThorough, nncompress, readReport, root, SPEECH, scratch } from './program.js';

const [, TEST] = SPEECH;
const TEACHER = 'fixtures/digits-dscnn/model.onnx';
const TRAIN = 'fixtures/spoken-digits/train';

const distill = (...more: string[]) =>
  nncompress('distill', '--train', TRAIN, '--epochs', '1', '--batch', '16', '--no-benchmark', '--no-alone', ...more);

describe('distill --student', () => {
  it('builds a student that runs from its own folder, and compares it with its teacher', () => {
    const folder = scratch();
    const output = join(folder, 'model.onnx');
    const report = join(folder, 'report.json');
    const { status, stdout, stderr } = distill(
      ...['--teacher', TEACHER, '--student', 'kws', '--data', TEST, '-o', output, '--report', report],
    );
    expect([status, stderr]).toEqual([0, expect.stringContaining('a new kws of 22,474 parameters')]);
    expect(stdout).toMatch(/Size .* smaller/);
    const { models, distillation, comparison } = readReport(report);
    expect(models.map(({ role }) => role)).toEqual(['teacher', 'compressed']);
    expect(models[1]!.parameters).toBe(22_474);
    expect(models[1]!.operators).not.toHaveProperty('BatchNormalization');
    expect(distillation!.student).toEqual({ template: 'kws', widths: [64], parameters: 22_474, macs: 10_592_000 });
    expect(comparison).toEqual(distillation!.againstTeacher);
    expect(readdirSync(folder).sort()).toEqual([
      ...['config.json', 'model.onnx', 'preprocessor_config.json', 'report.json', 'teacher-outputs'],
    ]);
    const again = nncompress('evaluate', output, '--data', TEST, '--no-benchmark', '--json');
    expect(JSON.parse(again.stdout).models[0].metrics.accuracy).toBe(models[1]!.metrics!.accuracy);
  });

  it.runIf(isThorough)(
    'may hear the raw waveform where the teacher takes features, in a folder of its own',
    () => {
      const folder = scratch();
      const teacher = join(folder, 'teacher');
      cpSync(join(root, 'fixtures/digits-dscnn'), teacher, { recursive: true });
      const asked = ['--teacher', join(teacher, 'model.onnx'), '--student', 'wave-cnn:small', '--data', TEST];
      const beside = distill(...asked);
      expect(beside.status).toBe(2);
      expect(beside.stderr).toContain('preprocessor_config.json: says something else than the new student needs');
      expect(beside.stderr.trim().split('\n')).toHaveLength(1);
      const own = join(folder, 'student');
      mkdirSync(own);
      expect(distill(...asked, '-o', join(own, 'model.onnx')).status).toBe(0);
      expect(JSON.parse(readFileSync(join(own, 'preprocessor_config.json'), 'utf8'))).toMatchObject({
        ...{ feature_extractor_type: 'Wav2Vec2FeatureExtractor', sampling_rate: 8000, max_length: 8000 },
      });
      const { status, stdout } = nncompress('evaluate', join(own, 'model.onnx'), '--data', TEST, '--no-benchmark');
      expect([status, stdout]).toEqual([0, expect.stringContaining('Accuracy')]);
    },
    60_000,
  );

  it('finds the student: those that suit are tried on a part of the data, and the report compares them', () => {
    const folder = scratch();
    const report = join(folder, 'report.json');
    const { status, stdout } = nncompress(
      ...[
        'distill',
        '--teacher',
        IMAGES[0],
        '--student',
        'auto',
        '--max-size',
        '75kB',
        '--epochs',
        '1',
        '--batch',
        '4',
      ],
      ...['--train', 'fixtures/fashion-mnist/train-images-idx3-ubyte.gz', '--no-alone', '--temperature', '2'],
      ...['--alpha', '0.5', '--loss', 'kd', '-o', join(folder, 'model.onnx'), '--report', report],
    );
    expect([status, stdout]).toEqual([0, expect.stringMatching(/Students +\S+ of 2 students: cnn \d/)]);
    const { candidates, student } = readReport(report).distillation!;
    expect(candidates!.map(({ template }) => template)).toEqual(['cnn', 'ds-cnn', 'resnet']);
    const [cnn, separable, resnet] = candidates!;
    expect(resnet).toEqual({ template: 'resnet', chosen: false, reason: expect.stringContaining('--max-size') });
    for (const one of [cnn!, separable!]) {
      expect(one.bytes).toBeLessThanOrEqual(75_000);
      expect(one.accuracy).toBeGreaterThan(0);
      expect(one.latencyMs).toBeGreaterThan(0);
      expect(one.history!.length).toBeGreaterThan(2);
    }
    const chosen = candidates!.find((one) => one.chosen)!;
    expect(student).toMatchObject({ template: chosen.template, parameters: chosen.parameters });
    expect(readdirSync(folder).sort()).toEqual([
      ...['config.json', 'model.onnx', 'preprocessor_config.json', 'report.json', 'teacher-outputs'],
    ]);
  }, 60_000);

  it.each([
    [['--student', 'cnm'], '--student: expected cnn, ds-cnn, resnet'],
    [
      ['--student', 'textcnn'],
      '--student: textcnn takes tokens or sequence inputs, those of the teacher are spectrogram',
    ],
    [['--student', 'cnn:small', '--macs', '1M'], '--student cnn:small: says the size, as does --macs; leave one out'],
    [['--student', 'cnn', '--parameters', '900'], '--parameters: a cnn for this task has at least'],
    [[], 'no student is named; give an ONNX file, have one built: --student cnn:small, or shrink the teacher'],
    [
      ['--student', 'cnn', '--shrink', '0.5'],
      '--student cnn: the student is given as --shrink 0.5, too; leave one out',
    ],
    [['--shrink', '1'], "--shrink: expected a share between 0 and 1 such as 0.5 or 50%, got '1'"],
    [
      ['fixtures/digits-m5/model.onnx', '--student', 'cnn'],
      '--student cnn: the student is given as fixtures/digits-m5/model.onnx, too',
    ],
    [['fixtures/digits-m5/model.onnx', '--macs', '1M'], '--macs: is about a student that is built'],
  ])('refuses %j in one line', (more, text) => {
    const { status, stderr } = distill('--teacher', TEACHER, '-o', join(scratch(), 'out.onnx'), ...more);
    expect([status, stderr]).toEqual([2, expect.stringContaining(text)]);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
