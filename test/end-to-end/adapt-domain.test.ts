import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { corrupted } from '../../src/data/corrupt.js';
import { openDataset } from '../../src/data/open.js';
import type { RawImage } from '../../src/data/types.js';
import type { Report } from '../../src/report/schema.js';
import { IMAGES, isThorough, killAfter, nncompress, readReport, root, SPEECH, scratch, TEXTS } from './program.js';

const [MODEL, TEST] = IMAGES;
const TRAIN = 'fixtures/fashion-mnist/train-images-idx3-ubyte.gz';

/** Some test images with noise, as IDX files. */
async function noisy(folder: string, from: number, to: number): Promise<string> {
  const { dataset } = corrupted(await openDataset(join(root, TEST)), 'noise=0.3', 1);
  const indices = Array.from({ length: to - from }, (_, k) => from + k);
  const header = (...numbers: number[]) => {
    const bytes = Buffer.alloc(4 * numbers.length);
    for (const [k, number] of numbers.entries()) bytes.writeUInt32BE(number, 4 * k);
    return bytes;
  };
  const images = await Promise.all(indices.map(async (index) => ((await dataset.load(index)) as RawImage).data));
  mkdirSync(folder);
  const labels = Uint8Array.from(indices, (index) => Number(dataset.label(index)));
  writeFileSync(join(folder, 'labels-idx1-ubyte'), Buffer.concat([header(0x801, labels.length), labels]));
  const path = join(folder, 'images-idx3-ubyte');
  writeFileSync(path, Buffer.concat([header(0x803, images.length, 28, 28), ...images]));
  return path;
}

const adapt = (...args: string[]) => nncompress('adapt', ...args, '--no-benchmark');

describe('adapt --domain', () => {
  it('wins back accuracy that noise cost, without labels, and tells what that cost on the old data', async () => {
    const folder = scratch();
    const domain = await noisy(join(folder, 'domain'), 0, 400);
    const test = await noisy(join(folder, 'test'), 400, 1000);
    const [output, report] = [join(folder, 'model.onnx'), join(folder, 'report.json')];
    const page = join(folder, 'report.html');
    const { stdout, stderr, status } = adapt(
      ...[MODEL, '--domain', domain, '--source', TRAIN, '--data', test, '--source-test', TEST, '--limit', '600'],
      ...['-o', output, '--report', report, '--report', page],
    );
    expect(stderr).not.toContain('nncompress:');
    expect(status).toBe(0);
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/are predicted as something else; entropy .* on the old domain/);
    const { models, comparison, domain: found } = readReport(report);
    expect(comparison!.accuracyDrop!.high).toBeLessThan(0);
    expect(found!.norms!.map(({ kind }) => kind)).toContain('folded');
    expect(found!.sourceTest!.drop.value).toBeGreaterThan(0);
    expect(found!.unlabelled.diversity.after).toBeGreaterThan(found!.unlabelled.diversity.before);
    expect(models[1]!.operators).toEqual(models[0]!.operators);
    expect(readFileSync(page, 'utf8')).toContain('How statistics of normalizations differ');
  }, 60_000);

  it.runIf(isThorough)(
    'keeps no weights with which all samples are taken for the same',
    async () => {
      const folder = scratch();
      const domain = await noisy(join(folder, 'domain'), 0, 100);
      const report = join(folder, 'report.json');
      const settings = ['--fit', 'entropy', '--lr', '1', '-o', join(folder, 'model.onnx'), '--report', report];
      expect(adapt(MODEL, '--domain', domain, ...settings).status).toBe(0);
      const { warnings, training, domain: found } = readReport(report);
      expect(training!.bestEpoch).toBe(0);
      expect(warnings.join()).toContain('minimizing entropy took most samples for the same after epoch 1');
      expect(warnings.join()).toContain('whether the adapted model is better there cannot be told');
      expect(found!.unlabelled.changed).toBe(0);
    },
    60_000,
  );

  it.runIf(isThorough)(
    'killed and resumed gives the same file, and knows which epochs were bad',
    async () => {
      const folder = scratch();
      const domain = await noisy(join(folder, 'domain'), 0, 300);
      const args = ['adapt', MODEL, '--domain', domain, '--source', TRAIN, '--fit', 'both', '--lr', '0.1'];
      const run = (output: string, ...more: string[]) =>
        nncompress(...args, '--no-benchmark', '--json', '-o', output, ...more);
      const [whole, killed] = [join(folder, 'whole.onnx'), join(folder, 'killed.onnx')];
      const { domain: found, training, warnings } = JSON.parse(run(whole).stdout) as Report;
      await killAfter(2, `${killed}.checkpoint`, [...args, '--no-benchmark', '-o', killed]);
      expect(run(killed).stderr).toContain('killed.onnx.checkpoint: is left from an interrupted run');
      const resumed = JSON.parse(run(killed, '--resume').stdout) as Report;
      expect(resumed.training!.history).toEqual(training!.history);
      expect([resumed.domain, resumed.warnings]).toEqual([found, warnings]);
      expect(readFileSync(killed).equals(readFileSync(whole))).toBe(true);
      expect(existsSync(`${killed}.checkpoint`)).toBe(false);
    },
    120_000,
  );

  it('refuses what cannot be fitted, in one line, and writes nothing', async () => {
    const folder = scratch();
    const output = join(folder, 'out.onnx');
    const refused = (...args: string[]) => {
      const { stderr, status } = adapt(...args, '-o', output);
      expect(status).toBe(2);
      expect(existsSync(output)).toBe(false);
      const lines = stderr.split('\n').filter((text) => text.startsWith('nncompress:'));
      expect(lines).toHaveLength(1);
      return lines[0];
    };
    const few = await noisy(join(folder, 'few'), 0, 5);
    expect(refused(MODEL, '--domain', few)).toContain('holds 5 samples, too few to tell a domain by; give --domain');
    expect(refused(MODEL, '--domain', TEST, '--fit', 'statistics')).toMatch(
      /has no batch normalization .* name samples of the old domain with --source/,
    );
    expect(refused(MODEL, '--domain', SPEECH[1])).toContain('fixtures/fashion-mobilenet/');
    expect(refused(MODEL, '--source', TRAIN)).toContain('--source: tells of the old domain');
    expect(refused(MODEL, '--domain', TEST, '--cascade', TEXTS[0])).toContain('--cascade is asked for, too');
    expect(refused(MODEL, '--domain', TEST, '--resume')).toContain('out.onnx.checkpoint: does not exist');
    expect(refused(MODEL, '--early-exit', '--resume')).toContain('--resume: --early-exit leaves nothing to go on from');
  }, 60_000);
});
