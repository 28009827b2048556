import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/model.js';
import { readModel } from '../../src/onnx/read.js';
import { IMAGES, isThorough, killAfter, nncompress, readReport, SPEECH, scratch } from './program.js';

const FEW = ['--limit', '300', '--calibration-samples', '32', '--no-benchmark'];
const TRAIN = 'fixtures/spoken-digits/train';
const QUICK = ['--train', TRAIN, '--epochs', '1', '--lr', '1e-4', '--batch', '16', '--calibration-samples', '16'];

const prune = (model: string, folder: string, ...more: string[]) =>
  nncompress('prune', model, '-o', join(folder, 'out.onnx'), '--report', join(folder, 'report.json'), ...more);

/** Share of zeros in each kernel and matrix of a model. */
const zerosOf = ({ graph }: Model) =>
  [...graph.initializers.values()]
    .filter(({ dims }) => dims.filter((size) => size > 1).length > 1)
    .map((tensor) => tensor.toNumbers().filter((weight) => weight === 0).length / tensor.size);

describe('prune', () => {
  it('removes channels without labels or training, and reports what is left of each layer', () => {
    const folder = scratch();
    const { status, stdout } = prune(IMAGES[0], folder, '--macs', '0.7', '--data', IMAGES[1], ...FEW);
    expect(status).toBe(0);
    expect(stdout).toMatch(/Pruning .*channels left/);
    const { models, pruning, warnings } = readReport(join(folder, 'report.json'));
    expect(models.map(({ role }) => role)).toEqual(['original', 'compressed']);
    const [before, after] = models;
    expect(after!.macs! / before!.macs!).toBeLessThanOrEqual(0.7);
    expect(after!.metrics!.accuracy).toBeGreaterThan(before!.metrics!.accuracy - 0.05);
    expect(pruning).toMatchObject({ kind: 'channels', macsRatio: before!.macs! / after!.macs! });
    expect(pruning!.groups.every((group) => group.after <= group.before)).toBe(true);
    expect(pruning!.left).toEqual([{ name: '/classifier/Gemm', reason: 'graph output logits' }]);
    expect(pruning!.steps).toMatchObject([{ step: 1, accuracy: after!.metrics!.accuracy }]);
    expect(warnings.join()).toMatch(/found beside the test data/);
    const written = readModel(join(folder, 'out.onnx'));
    expect(written.graph.outputs.map(({ name }) => name)).toEqual(
      readModel(IMAGES[0]).graph.outputs.map(({ name }) => name),
    );
    expect(readdirSync(folder).sort()).toEqual(['out.onnx', 'report.json']);
  });

  it.runIf(isThorough)('goes as far as the gate allows', () => {
    const folder = scratch();
    const args = ['--parameters', '0.2', '--max-drop', '0.02', '--importance', 'l2', '--data', IMAGES[1], ...FEW];
    expect(prune(IMAGES[0], folder, ...args).status).toBe(0);
    const { pruning, gates, comparison } = readReport(join(folder, 'report.json'));
    expect(gates).toMatchObject([{ name: 'max-drop', passed: true }]);
    expect(comparison!.accuracyDrop!.value).toBeLessThanOrEqual(0.02);
    expect(pruning!.steps.length).toBeGreaterThan(1);
    expect(pruning!.parametersRatio).toBeGreaterThan(1);
    expect(pruning!.parametersRatio).toBeLessThan(1 / 0.2);
  });

  it.runIf(isThorough)('prunes and trains by turns, and goes on where it was killed', async () => {
    const folder = scratch();
    const args = ['--macs', '0.4', '--steps', '2', ...QUICK, '--no-benchmark'];
    const { status, stderr } = prune(SPEECH[0], folder, '--data', SPEECH[1], ...args);
    expect(status).toBe(0);
    expect(stderr).toMatch(/step 2 of 2, epoch 1: loss/);
    const { models, pruning, training } = readReport(join(folder, 'report.json'));
    expect(models.map(({ role }) => role)).toEqual(['original', 'pruned', 'compressed']);
    expect(training!.epochs).toBe(1);
    const shares = pruning!.steps.map(({ macs }) => macs as number);
    expect(shares[0]).toBeGreaterThan(shares[1]!);
    expect(shares[1]).toBeLessThanOrEqual(0.4);
    expect(pruning!.steps.every(({ trained, accuracy }) => Number(trained) > 0.5 && Number(accuracy) > 0.3)).toBe(true);
    const again = join(folder, 'again.onnx');
    await killAfter(1, `${again}.step-2.checkpoint`, ['prune', SPEECH[0], '-o', again, ...args]);
    // A process that is killed outright cannot clear the folder that it works in.
    expect(readdirSync(folder).filter((name) => /^\.again\.onnx\..*\.tmp$/.test(name))).toHaveLength(1);
    expect(nncompress('prune', SPEECH[0], '-o', again, ...args).stderr).toMatch(/go on from it with --resume/);
    expect(nncompress('prune', SPEECH[0], '-o', again, ...args, '--resume').status).toBe(0);
    expect(readFileSync(again).equals(readFileSync(join(folder, 'out.onnx')))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['again.onnx', 'out.onnx', 'report.json']);
  });

  it('sets single weights to zero, which stay so in training and are left out of the file', () => {
    const folder = scratch();
    const args = ['--sparsity', '0.8', '--unstructured', '--sparse-initializers', ...QUICK, '--data', SPEECH[1]];
    expect(prune(SPEECH[0], folder, ...args, '--no-benchmark').status).toBe(0);
    const { models, pruning, warnings } = readReport(join(folder, 'report.json'));
    expect(pruning).toMatchObject({ kind: 'weights', macsRatio: 1 });
    const [before, after] = ['before', 'after'].map((key) =>
      pruning!.groups.reduce((sum, group) => sum + group[key as 'before'], 0),
    );
    expect(after! / before!).toBeCloseTo(0.2, 2);
    const model = readModel(join(folder, 'out.onnx'));
    expect(model.graph.sparse.size).toBeGreaterThan(0);
    expect(Math.max(...zerosOf(model))).toBeGreaterThan(0.8);
    expect(statSync(join(folder, 'out.onnx')).size).toBe(models.at(-1)!.bytes);
    expect(models.at(-1)!.bytes).toBeLessThan(0.8 * models[0]!.bytes);
    expect(models.at(-1)!.gzipBytes).toBeLessThan(0.6 * models[0]!.gzipBytes!);
    expect(warnings.join()).toMatch(/zeros make nothing faster in ONNX Runtime/);
  });

  it('leaves out whole blocks, those that do least', () => {
    const folder = scratch();
    expect(prune(IMAGES[0], folder, '--layers', '2', '--data', IMAGES[1], ...FEW).status).toBe(0);
    const { models, pruning } = readReport(join(folder, 'report.json'));
    expect(pruning).toMatchObject({ kind: 'layers' });
    expect(pruning!.groups.map(({ after }) => after).sort()).toEqual([0, 1, 1]);
    expect(models.at(-1)!.macs).toBeLessThan(models[0]!.macs!);
  });

  it('measures what single groups are worth, and writes nothing but the report', () => {
    const folder = scratch();
    const report = join(folder, 'report.json');
    const args = ['--data', SPEECH[1], '--calibration', TRAIN, '--calibration-samples', '8', '--limit', '60'];
    const { status, stdout } = nncompress(
      'prune',
      SPEECH[0],
      '--sensitivity',
      '0.5',
      '--importance',
      'l2',
      ...args,
      '--report',
      report,
    );
    expect(status).toBe(0);
    const { sensitivity, models } = readReport(report);
    expect(sensitivity).toMatchObject({ samples: 60, measure: 'accuracy', whole: models[0]!.metrics!.accuracy });
    for (const { name, channels, points } of sensitivity!.groups) {
      expect(stdout).toContain(`${name}, ${channels} channels`);
      expect(points).toMatchObject([{ share: 0.5, left: channels / 2 }]);
    }
    const sum = (key: 'removed' | 'fitted') =>
      sensitivity!.groups.reduce((total, { points }) => total + points[0]![key]!, 0);
    expect(sum('fitted')).toBeGreaterThan(sum('removed'));
    expect(readdirSync(folder)).toEqual(['report.json']);
  });

  it('says what it would do', () => {
    const folder = scratch();
    const { status, stdout } = prune(IMAGES[0], folder, '--macs', '0.7', '--importance', 'l2', '--dry-run');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^would write .*out\.onnx: \d\d\.\d % of the MACs/);
    expect(stdout).toMatch(/features\.9\/Conv: \d+ of 256/);
    expect(stdout).toMatch(/\/classifier\/Gemm stays: graph output logits/);
    expect(readdirSync(folder)).toEqual([]);
  });
});
