import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nncompress, SPEECH, scratch } from './program.js';

describe('split', () => {
  it('writes parts that are evaluated as the model is', () => {
    const folder = join(scratch(), 'parts');
    const { status, stdout, stderr } = nncompress('split', SPEECH[0], '--parts', '3', '-o', folder);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/part-3\.onnx .*\nChecked: outputs are the whole model's to the bit\.\n$/);
    expect(readdirSync(folder).sort()).toEqual([
      ...['config.json', 'manifest.json', 'part-1.onnx', 'part-2.onnx', 'part-3.onnx', 'preprocessor_config.json'],
    ]);
    const evaluated = nncompress('evaluate', folder, '--data', SPEECH[1], '--limit', '50', '--no-benchmark', '--json');
    const whole = nncompress('evaluate', SPEECH[0], '--data', SPEECH[1], '--limit', '50', '--no-benchmark', '--json');
    const metricsOf = (text: string) => JSON.parse(text).models[0].metrics;
    expect(metricsOf(evaluated.stdout)).toEqual(metricsOf(whole.stdout));
  });

  it('replaces parts only with --force, and nothing else', () => {
    const folder = join(scratch(), 'parts');
    const split = (...more: string[]) => nncompress('split', SPEECH[0], '--parts', '2', '-o', folder, ...more);
    expect(split('--dry-run').stdout).toContain('(not written)');
    expect(existsSync(folder)).toBe(false);
    expect(split().status).toBe(0);
    expect(split().stderr).toBe(
      `nncompress: ${folder}: the output exists; pass --force to replace it, or name another folder with -o\n`,
    );
    expect(split('--force').status).toBe(0);
    const other = scratch();
    writeFileSync(join(other, 'notes.txt'), '');
    const { status, stderr } = nncompress('split', SPEECH[0], '--parts', '2', '-o', other, '--force');
    expect([status, stderr]).toEqual([
      2,
      `nncompress: ${other}: is there already, and holds something else than a split model; name another folder with -o\n`,
    ]);
  });

  it('tells how many parts there can be', () => {
    const { status, stderr } = nncompress('split', SPEECH[0], '--parts', '99', '-o', join(scratch(), 'parts'));
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^nncompress: .*model\.onnx: can be cut into at most \d+ parts; ask for fewer with --parts\n$/,
    );
  });
});
