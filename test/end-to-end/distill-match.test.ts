import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/onnx/write.js';
import type { Report } from '../../src/report/schema.js';
import { type TransformerSizes, transformer } from '../training/transformer.js';
import { isThorough, nncompress, readReport, root, SPEECH, scratch } from './program.js';

const [STUDENT] = SPEECH;
const TRAIN = 'fixtures/spoken-digits/train';
const QUICK = ['--lr', '1e-3', '--no-alone', '--no-benchmark'];

const distill = (folder: string, student: string, ...more: string[]) =>
  nncompress('distill', student, '-o', join(folder, 'out.onnx'), ...QUICK, ...more);

describe('distill --match', () => {
  it.runIf(isThorough)(
    'compares feature maps, attention maps and relations, kept on disk or computed along, with the same result',
    () => {
      const folder = scratch();
      const lossOf = (...more: string[]): [Report, string] => {
        const report = join(folder, 'report.json');
        const match = ['--match', 'features:2', '--match', 'attention-maps=relu_1,relu_2', '--match', 'relations'];
        const { status, stdout, stderr } = distill(
          folder,
          STUDENT,
          ...['--teacher', STUDENT, '--train', TRAIN, '--epochs', '1', '--batch', '16'],
          ...[...match, '--report', report, '--force', ...more],
        );
        expect(stderr).toContain("matched as features, weight 2: relu_1 with the teacher's relu_1");
        expect(stdout).toMatch(/Matched +features, weight 2: relu_1 with relu_1/);
        expect(status).toBe(0);
        return [readReport(report), stderr];
      };
      const [kept, notes] = lossOf();
      expect(notes).toMatch(/inner values of the teacher are kept in .*teacher-outputs/);
      expect(kept.distillation!.hints).toEqual([
        ...['relu_1', 'relu_2', 'relu_3'].map((name) => ({
          kind: 'features',
          student: name,
          teacher: name,
          weight: 2,
        })),
        { kind: 'attention-maps', student: 'relu_1', teacher: 'relu_2', weight: 100 },
        { kind: 'relations', student: 'mean', teacher: 'mean', weight: 1 },
      ]);
      const [along, live] = lossOf('--teacher-cache-limit', '1kB');
      expect(live).toMatch(/inner values would take .*: it runs along with training/);
      expect(along.training!.history[1]!.loss).toBeCloseTo(kept.training!.history[1]!.loss!, 3);
    },
    60_000,
  );

  it('compares hidden states and attention of transformers of other widths, and the loss falls', () => {
    const folder = scratch();
    const model = (name: string, sizes: Partial<TransformerSizes>) => {
      mkdirSync(join(folder, name));
      const path = join(folder, name, 'model.onnx');
      const all = { layers: 1, width: 8, heads: 2, vocabulary: 30_522, classes: 77, ...sizes };
      writeFileSync(path, encodeModel(transformer(all)));
      for (const file of ['tokenizer.json', 'tokenizer_config.json', 'config.json'])
        copyFileSync(join(root, 'fixtures/banking-textcnn', file), join(folder, name, file));
      return path;
    };
    const student = model('student', {});
    const teacher = model('teacher', { layers: 2, width: 12, heads: 3 });
    const report = join(folder, 'report.json');
    const { status, stderr } = distill(
      folder,
      student,
      ...['--teacher', teacher, '--train', 'fixtures/banking77/train.csv', '--epochs', '2', '--batch', '32'],
      ...['--match', 'hidden-states', '--match', 'attentions', '--report', report],
    );
    expect(stderr).toContain('matched as attentions');
    expect(status).toBe(0);
    const { distillation, training } = readReport(report);
    expect(distillation!.hints!.map(({ student: own, teacher: taught }) => [own, taught])).toEqual([
      ...[
        ['state_0', 'state_0'],
        ['state_1', 'state_2'],
        ['attention_1', 'attention_2'],
      ],
    ]);
    // Projections begin at zero, where their loss is 1 at most: what is left to fall is less than the scores' part.
    expect(training!.history[2]!.loss).toBeLessThan(0.95 * training!.history[1]!.loss!);
  }, 60_000);

  it('lets the teacher see the samples as they are changed, where it takes the same', () => {
    const folder = scratch();
    const report = join(folder, 'report.json');
    const { status, stderr } = distill(
      folder,
      STUDENT,
      ...['--teacher', STUDENT, '--train', TRAIN, '--epochs', '1', '--batch', '16', '--lr', '1e-9'],
      ...['--augment', 'noise=0:10', '--match', 'attention-maps:1e5', '--report', report],
    );
    expect(stderr).toContain(
      'the teacher runs along with training, for its inner values of samples as they are changed',
    );
    expect(status).toBe(0);
    // The student is its teacher: its maps are the same but for rounding to float16.
    expect(readReport(report).training!.history[1]!.loss).toBeLessThan(1);
  }, 60_000);

  it.each([
    [['--match', 'features'], 'feature maps have 2 axes of positions, those of the student 1'],
    [['--match', 'features=relu_1,relu_x'], "fixtures/digits-dscnn/model.onnx: has no inner value 'relu_x'"],
    [
      ['--match', 'features=relu_1,mean', '--augment', 'auto'],
      '--augment: changes samples for the student, and the teacher',
    ],
    [['--match', 'relations', '--pipeline', '2'], '--pipeline: cuts the model apart'],
  ])('refuses %j in one line', (more, text) => {
    const folder = scratch();
    const { status, stderr } = distill(
      folder,
      STUDENT,
      ...['--teacher', 'fixtures/digits-dscnn/model.onnx', '--train', TRAIN, '--quiet', ...more],
    );
    expect(status).toBe(2);
    expect(stderr).toContain(text);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
