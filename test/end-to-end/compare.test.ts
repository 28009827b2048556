import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/ir/tensor.js';
import { parseModel } from '../../src/onnx/text.js';
import { writeModel } from '../../src/onnx/write.js';
import { reportSchema } from '../../src/report/schema.js';
import { FEATURES, IMAGES, nncompress, readReport, root, SPEECH, scratch } from './program.js';

/** Writes a linear classifier of images in a folder with its own preprocessing; its weights are always the same. */
async function linearModel(folder: string, header: string, body: string, offset = 0): Promise<string> {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]> net ${header} <float w = {0}> { ${body} }`);
  const weights = Array.from({ length: 7840 }, (_, i) => (Math.sin(i * i) + (i % 10 === 0 ? offset : 0)) / 100);
  model.graph.initializers.set('w', Tensor.from('w', 'float32', [784, 10], weights));
  mkdirSync(folder);
  for (const file of ['preprocessor_config.json', 'labels.txt'])
    copyFileSync(join(root, 'fixtures/fashion-mobilenet', file), join(folder, file));
  await writeModel(model, join(folder, 'model.onnx'));
  return join(folder, 'model.onnx');
}

describe('compare', () => {
  it('compares models of other inputs, outputs and exporters, each with its own preprocessing', async () => {
    const folder = scratch();
    const logits = '(float[n, 1, 28, 28] x) => (float[n, 10] logits)';
    const probabilities = '(float[n, 28, 28, 1] image) => (float[n, 10] prob)';
    const first = await linearModel(join(folder, 'a'), logits, 'f = Flatten(x)  logits = MatMul(f, w)');
    const second = await linearModel(
      join(folder, 'b'),
      probabilities,
      'flat = Flatten(image)  z = MatMul(flat, w)  prob = Softmax(z)',
    );
    const args = ['--data', IMAGES[1], '--limit', '100', '--layers', '--no-benchmark', '--json', '--max-drop', '0'];
    const { status, stdout, stderr } = nncompress('compare', first, second, ...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { models, comparison, changedSamples, layers, gates } = reportSchema.parse(JSON.parse(stdout));
    expect(models.map(({ role, path }) => [role, path])).toEqual([
      ['original', first],
      ['compressed', second],
    ]);
    expect(models[1]!.metrics).toMatchObject({ agreement: 1, accuracy: models[0]!.metrics!.accuracy });
    expect(models[1]!.operators).toEqual({ Flatten: 1, MatMul: 1, Softmax: 1 });
    expect(models[1]!.metrics!.loss).toBeCloseTo(models[0]!.metrics!.loss!, 3);
    expect(comparison).toMatchObject({ accuracyDrop: { value: 0 }, changed: { gained: 0, lost: 0 } });
    expect({ changedSamples, gates }).toMatchObject({ changedSamples: [], gates: [{ passed: true }] });
    expect(layers!.values.map(({ name, counterpart }) => [name, counterpart])).toContainEqual(['f', 'flat']);
    expect(layers!.start).toBeUndefined();
  });

  it('lists the samples that changed and finds where the error starts', async () => {
    const folder = scratch();
    const header = '(float[n, 1, 28, 28] x) => (float[n, 10] logits)';
    const body = 'f = Flatten(x)  logits = MatMul(f, w)';
    const first = await linearModel(join(folder, 'a'), header, body);
    const second = await linearModel(join(folder, 'b'), header, body, 0.05);
    const report = join(folder, 'report.json');
    const args = ['--data', IMAGES[1], '--limit', '200', '--layers', '--report', report];
    const { status, stdout } = nncompress('compare', first, second, ...args);
    expect(status).toBe(0);
    const { changedSamples, layers, models, comparison } = readReport(report);
    expect(layers!.values.map(({ name, sqnrDb }) => [name, sqnrDb !== undefined])).toEqual([
      ['f', false],
      ['logits', true],
    ]);
    expect(layers).toMatchObject({ start: 'logits', mostAdded: 'logits' });
    const changed = Math.round(200 * (1 - models[1]!.metrics!.agreement!));
    expect(changedSamples).toHaveLength(changed);
    expect(changed).toBeGreaterThan(0);
    const [sample] = changedSamples!;
    expect(sample!.place).toBe(`image ${sample!.index}`);
    expect(sample!.before).not.toEqual(sample!.after);
    expect(comparison!.speedup!.value).toBeGreaterThan(0);
    expect(stdout).toContain('Changed samples');
    expect(stdout).toMatch(/logits {2}← error starts here, adds most error/);
  });

  it('compares models that take quite different inputs of the same sounds', () => {
    const args = ['--data', SPEECH[1], '--no-benchmark', '--json'];
    const { models, comparison } = reportSchema.parse(
      JSON.parse(nncompress('compare', SPEECH[0], FEATURES[0], ...args).stdout),
    );
    expect(models.map(({ metrics }) => metrics!.accuracy)).toEqual([0.956, 0.996]);
    expect(comparison!.accuracyDrop!.value).toBeCloseTo(-0.04, 10);
    expect(models[1]!.path).toBe(FEATURES[0]);
  });

  it('refuses models of other tasks', async () => {
    const folder = scratch();
    const header = '(float[n, 1, 28, 28] x) => (float[n, 10] logits)';
    const first = await linearModel(join(folder, 'a'), header, 'f = Flatten(x)  logits = MatMul(f, w)');
    const body = 'f = Flatten(x)  g = MatMul(f, w)  logits = Concat<axis = 1>(g, g)';
    const second = await linearModel(join(folder, 'b'), header.replace('10]', '20]'), body);
    const { status, stderr } = nncompress('compare', first, second, '--data', IMAGES[1]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^nncompress: .*\n$/);
  });
});
