import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reportSchema } from '../../src/report/schema.js';
import { IMAGES, nncompress, readReport, SPEECH, scratch, TEXTS } from './program.js';

describe('evaluate', () => {
  it('measures a model on labelled data', () => {
    const { status, stdout, stderr } = nncompress(
      'evaluate',
      TEXTS[0],
      '--data',
      TEXTS[1],
      '--no-benchmark',
      '--json',
      '-q',
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { command, models, data } = reportSchema.parse(JSON.parse(stdout));
    expect({ command, data }).toMatchObject({ command: 'evaluate', data: { samples: 3080, classes: 77 } });
    expect(models).toHaveLength(1);
    const { accuracy, recall, f1, confusion } = models[0]!.metrics!;
    expect(accuracy).toBeCloseTo(2733 / 3080, 10);
    expect(recall.macro).toBeCloseTo(0.8873, 4);
    expect(f1.macro).toBeCloseTo(0.8877, 4);
    expect((confusion as number[][]).flat().reduce((sum, count) => sum + count)).toBe(3080);
  });
  it('takes the first samples where told to, and gates', () => {
    const report = join(scratch(), 'report.json');
    const args = ['--data', SPEECH[1], '--limit', '20', '--min-accuracy', '0.5', '--no-benchmark', '--report', report];
    expect(nncompress('evaluate', SPEECH[0], ...args).status).toBe(0);
    expect(readReport(report)).toMatchObject({ data: { samples: 20 }, gates: [{ limit: 0.5, passed: true }] });
  });
  it('runs what quantize wrote', () => {
    const output = join(scratch(), 'small.onnx');
    nncompress('quantize', SPEECH[0], '--data', SPEECH[1], '--no-benchmark', '-o', output);
    const options = ['--features', 'waveform', '--sample-rate', '8000', '--max-length', '8000', '--no-benchmark'];
    const { status, stdout } = nncompress('evaluate', output, '--data', SPEECH[1], ...options);
    expect(status).toBe(0);
    expect(stdout).toContain('Accuracy');
  });
});

describe('inspect', () => {
  it('shows a real model', () => {
    const { status, stdout, stderr } = nncompress('inspect', IMAGES[0]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('195,330 parameters');
  });
  it('shows what can be pruned', () => {
    const { stdout } = nncompress('inspect', IMAGES[0], '--channels');
    expect(stdout).toMatch(/\/features\/features\.9\/Conv +256 channels/);
    expect(stdout).toMatch(/layers +3 can be left out: \/features\/features\.3/);
    expect(stdout).toMatch(/stays +1 Gemm: graph output logits/);
  });
  it('gives JSON', () => {
    const { models } = JSON.parse(nncompress('inspect', IMAGES[0], '--json').stdout);
    expect(models).toMatchObject([{ parameters: 195330, bytes: 794898 }]);
  });
});

describe('doctor', () => {
  it('finds a machine that runs these tests fit', () => {
    const { status, stdout } = nncompress('doctor');
    expect(stdout).toContain('✓ onnxruntime');
    expect(stdout).not.toContain('✗');
    expect(status).toBe(0);
  });
});

describe('--dry-run', () => {
  it('says what would be done to each node and writes nothing', () => {
    const folder = scratch();
    const args = ['--calibration', SPEECH[1], '-o', join(folder, 'small.onnx'), '--dry-run', '--no-benchmark'];
    const { status, stdout } = nncompress('quantize', SPEECH[0], ...args);
    expect(status).toBe(0);
    expect(stdout).toContain('would write');
    expect(readdirSync(folder)).toEqual([]);
  });
});
