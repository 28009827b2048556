import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reportSchema } from '../../src/report/schema.js';
import { nncompress, scratch, TEXTS } from './program.js';

/** The text classifier as the Hugging Face hub has it: the model in `onnx/`, its settings above. */
function hubFolder(): string {
  const folder = join(scratch(), 'banking');
  cpSync(dirname(TEXTS[0]), folder, { recursive: true, filter: (path) => !path.endsWith('.onnx') });
  mkdirSync(join(folder, 'onnx'));
  copyFileSync(TEXTS[0], join(folder, 'onnx', 'model.onnx'));
  return folder;
}

describe('a folder in the layout of the Hugging Face hub', () => {
  it('is quantized into the file that transformers.js loads, and compared with it', () => {
    const folder = hubFolder();
    const [original, quantized] = ['model.onnx', 'model_quantized.onnx'].map((name) => join(folder, 'onnx', name));
    const args = ['--data', TEXTS[1], '--limit', '400', '--no-benchmark', '--json'];
    const { status, stdout, stderr } = nncompress('quantize', folder, ...args, '--method', 'dynamic', '--quiet');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { models } = reportSchema.parse(JSON.parse(stdout));
    expect(models.map(({ path }) => path)).toEqual([original, quantized]);
    expect(models[1]!.bytes).toBe(statSync(quantized!).size);
    expect(readdirSync(join(folder, 'onnx')).sort()).toEqual(['model.onnx', 'model_quantized.onnx']);

    const again = nncompress('compare', folder, quantized!, ...args);
    expect(reportSchema.parse(JSON.parse(again.stdout)).models[1]!.metrics).toEqual(models[1]!.metrics);
  });
  it('is inspected and evaluated', () => {
    const folder = hubFolder();
    const { models } = JSON.parse(nncompress('inspect', folder, '--json').stdout);
    expect(models[0].path).toBe(join(folder, 'onnx', 'model.onnx'));
    const args = ['--data', TEXTS[1], '--limit', '100', '--no-benchmark', '--json'];
    expect(JSON.parse(nncompress('evaluate', folder, ...args).stdout).models[0].path).toBe(models[0].path);
  });
  it('that holds no model is refused in one line', () => {
    const folder = scratch();
    const { status, stderr } = nncompress('inspect', folder);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `nncompress: ${folder}: the folder holds no .onnx file; name a model, or a folder with one\n`,
    });
    expect(existsSync(join(folder, 'onnx'))).toBe(false);
  });
});
