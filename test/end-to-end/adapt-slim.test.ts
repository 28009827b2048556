import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isThorough, nncompress, readReport, scratch } from './program.js';

const MODEL = 'fixtures/digits-m5/model.onnx';
const TRAIN = 'fixtures/spoken-digits/train';
const TEST = 'fixtures/spoken-digits/test';

describe('adapt --slim', () => {
  it.runIf(isThorough)(
    'writes one file of several widths, and one file for each',
    () => {
      const folder = scratch();
      const [output, report] = [join(folder, 'model.onnx'), join(folder, 'report.json')];
      const { status, stderr } = nncompress(
        ...['adapt', MODEL, '--slim', '0.5', '--separate', '--epochs', '2', '--train', TRAIN, '--data', TEST],
        ...['-o', output, '--report', report, '--no-benchmark'],
      );
      expect(stderr).not.toContain('nncompress:');
      expect(status).toBe(0);
      expect(readdirSync(folder).sort()).toEqual(['model.0.5.onnx', 'model.onnx', 'report.json']);
      const { models } = readReport(report);
      expect(models.map(({ role }) => role)).toEqual(['original', 'width-0.5', 'compressed']);
      const [original, narrow, whole] = models;
      expect(whole!.macs).toBe(original!.macs);
      expect(narrow!.macs! / whole!.macs!).toBeLessThan(0.5);
      expect(narrow!.path).toBe(join(folder, 'model.0.5.onnx'));
      expect(readFileSync(output).length).toBeLessThan(1.2 * original!.bytes);
    },
    120_000,
  );

  it('asks for data to learn from, and for widths that differ', () => {
    const none = nncompress('adapt', MODEL, '--slim', '1,0.5');
    expect(none.status).toBe(2);
    expect(none.stderr.trim()).toBe('nncompress: --slim: needs samples to learn from; name training data with --train');
    const wrong = nncompress('adapt', MODEL, '--slim', '1.5', '--train', TRAIN);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain('--slim: expected two shares at least, above 0 and up to 1');
  });
});
