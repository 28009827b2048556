import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Emitter } from '../../src/ir/emitter.js';
import { readModel } from '../../src/onnx/read.js';
import { encodeModel } from '../../src/onnx/write.js';
import { isThorough, killAfter, nncompress, readReport, root, SPEECH, scratch } from './program.js';

const [STUDENT, TEST] = SPEECH;
const TEACHER = 'fixtures/digits-dscnn/model.onnx';
const TRAIN = 'fixtures/spoken-digits/train';
const QUICK = ['--epochs', '1', '--lr', '1e-4', '--batch', '16', '--no-benchmark'];
/** A way to learn, so that none is looked for. */
const KD = ['--loss', 'kd', '--temperature', '4', '--alpha', '0.5'];

const distill = (folder: string, ...more: string[]) =>
  nncompress('distill', STUDENT, '--train', TRAIN, '-o', join(folder, 'out.onnx'), ...QUICK, ...more);

describe('distill', () => {
  it('shows teacher, student alone and student side by side, though the two take other inputs', () => {
    const folder = scratch();
    const report = join(folder, 'report.json');
    const { status, stdout } = distill(folder, ...KD, '--teacher', TEACHER, '--data', TEST, '--report', report);
    expect(status).toBe(0);
    expect(stdout).toMatch(/Training .*1 epoch, epoch \d the best/);
    expect(stdout).toMatch(/Distillation the teacher gave .*points/);
    const { models, distillation, warnings } = readReport(report);
    expect(models.map(({ role }) => role)).toEqual(['original', 'teacher', 'student-alone', 'compressed']);
    expect(models[1]!.metrics!.accuracy).toBeCloseTo(0.996, 3);
    expect(distillation).toMatchObject({ loss: 'kd', temperature: 4, alpha: 0.5, labelled: 90, samples: 90 });
    expect(distillation!.chosen).toEqual({ student: 'taught', reason: 'options say how it learns' });
    expect(distillation!.agreement).toBeGreaterThan(0.9);
    expect(distillation!.againstTeacher.sizeRatio).toBeGreaterThan(1);
    expect(distillation!.alone!.history.map(({ epoch }) => epoch)).toEqual([0, 1]);
    expect(warnings.join()).toMatch(/distillation did not help beyond chance/);
    expect(readdirSync(folder).sort()).toEqual(['out.onnx', 'report.json', 'teacher-outputs']);
  });

  it.runIf(isThorough)(
    'tries ways to learn, writes the better student, and goes on where it was killed',
    async () => {
      const folder = scratch();
      const paths = ['a', 'b'].map((name) => join(folder, `${name}.onnx`)) as [string, string];
      const report = join(folder, 'report.json');
      const argsOf = (output: string) => [
        ...[
          'distill',
          STUDENT,
          '--teacher',
          TEACHER,
          '--train',
          TRAIN,
          '--epochs',
          '4',
          '--lr',
          '1e-3',
          '--batch',
          '4',
        ],
        ...['--no-benchmark', '-o', output],
      ];
      const undisturbed = nncompress(...argsOf(paths[0]), '--data', TEST, '--report', report, '--verbose');
      expect(undisturbed.stderr).toMatch(/2 ways to learn are tried .* as long as one training at most/);
      expect(undisturbed.stderr).toMatch(/trial 2 of 2/);
      const { distillation, models, training } = readReport(report);
      const { trials, chosen } = distillation!;
      expect(trials!.map(({ chosen: taken }) => taken)).toEqual([true, false]);
      expect(trials![0]!.recipe).toContain(`temperature ${distillation!.temperature}`);
      const { taught, alone } = chosen!.heldOut!;
      expect(chosen!.student).toBe(taught > alone ? 'taught' : 'alone');
      const other = taught > alone ? 'student-alone' : 'student-taught';
      expect(models.map(({ role }) => role)).toEqual(['original', 'teacher', other, 'compressed']);
      expect(training!.epochs).toBe(4);
      expect(undisturbed.stdout).toMatch(/the teacher gave|no teacher was better/);
      await killAfter(1, `${paths[1]}.trials.checkpoint`, argsOf(paths[1]));
      const resumed = nncompress(...argsOf(paths[1]), '--resume', '--verbose');
      expect(resumed.status).toBe(0);
      expect(resumed.stderr).toContain('trial 2 of 2');
      expect(readFileSync(paths[1]).equals(readFileSync(paths[0]))).toBe(true);
      expect(readdirSync(folder).sort()).toEqual(['a.onnx', 'b.onnx', 'report.json', 'teacher-outputs']);
    },
    120_000,
  );

  it.runIf(isThorough)(
    'runs the teacher once: another run takes its outputs, unless data, teacher or preprocessing change',
    () => {
      const folder = scratch();
      const train = join(folder, 'train');
      cpSync(join(root, TRAIN), train, { recursive: true });
      const teacher = join(folder, 'teacher');
      cpSync(join(root, 'fixtures/digits-dscnn'), teacher, { recursive: true });
      const go = () =>
        distill(folder, '--teacher', join(teacher, 'model.onnx'), '--train', train, '--no-alone', '--force').stderr;
      expect(go()).toContain('was run once');
      expect(go()).toContain('those of an earlier run');
      const clip = readdirSync(train, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.wav'));
      copyFileSync(join(train, clip[0]!), join(train, clip[1]!));
      expect(go()).toContain('was run once');
      const config = join(teacher, 'preprocessor_config.json');
      const settings = JSON.parse(readFileSync(config, 'utf8'));
      writeFileSync(config, JSON.stringify({ ...settings, n_fft: 2 * settings.n_fft }));
      expect(go()).toContain('was run once');
    },
    60_000,
  );

  it('learns from samples without labels, and from several teachers', () => {
    const folder = scratch();
    const report = join(folder, 'report.json');
    const clips = readdirSync(join(root, TRAIN), { recursive: true, encoding: 'utf8' }).filter((n) =>
      n.endsWith('.wav'),
    );
    const flat = join(folder, 'flat');
    mkdirSync(flat);
    for (const [k, clip] of clips.entries()) copyFileSync(join(root, TRAIN, clip), join(flat, `${k}.wav`));
    const { status, stderr } = distill(
      folder,
      ...['--teacher', TEACHER, '--teacher', STUDENT, '--unlabelled', flat, '--no-baseline', '--report', report],
    );
    expect(stderr).toMatch(/\d+ of 180 training samples have no label/);
    expect(status).toBe(0);
    expect(readReport(report).models.map(({ role }) => role)).toEqual([
      ...['original', 'teacher', 'teacher-2', 'compressed'],
    ]);
    const alone = distill(folder, '--teacher', TEACHER, '--train', flat, '--force', '--loss', 'dkd');
    expect(alone.stderr).toMatch(/90 of 90 training samples have no label/);
    expect(alone.status).toBe(0);
  }, 60_000);

  /** The teacher with its outputs, and the names of its classes, in reverse. */
  const reversed = (folder: string, rename: (name: string) => string): string => {
    cpSync(join(root, 'fixtures/digits-dscnn'), folder, { recursive: true });
    const config = join(folder, 'config.json');
    const names = Object.values<string>(JSON.parse(readFileSync(config, 'utf8')).id2label)
      .reverse()
      .map(rename);
    writeFileSync(config, JSON.stringify({ id2label: { ...names } }));
    const path = join(folder, 'model.onnx');
    const model = readModel(path);
    const g = new Emitter(model, 'reversed');
    const [output] = model.graph.outputs;
    const name = g.op('Gather', [output!.name, g.ints([...names.keys()].reverse())], { axis: 1 });
    model.graph.outputs = [{ ...output!, name }];
    writeFileSync(path, encodeModel(model));
    return path;
  };

  it('goes by the names of classes, not by their order', () => {
    const folder = scratch();
    const report = join(folder, 'report.json');
    const teacher = reversed(join(folder, 'teacher'), (name) => name);
    expect(distill(folder, '--teacher', teacher, '--data', TEST, '--no-alone', '--report', report).status).toBe(0);
    const { models, distillation, training } = readReport(report);
    expect(models[1]!.metrics!.accuracy).toBeCloseTo(0.996, 3);
    expect(distillation!.agreement).toBeGreaterThan(0.9);
    expect(training!.history.at(-1)!.loss).toBeLessThan(3);
  });

  it('refuses a teacher of other classes in one line', () => {
    const folder = scratch();
    const teacher = reversed(join(folder, 'teacher'), (name) => `other ${name}`);
    const { status, stderr } = distill(folder, '--teacher', teacher);
    expect(status).toBe(2);
    expect(stderr).toContain(`${teacher}: knows no class`);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.runIf(isThorough)(
    'has the teacher see samples as they are changed for the student',
    () => {
      const folder = scratch();
      const report = join(folder, 'report.json');
      const lossOf = (teacher: string, ...more: string[]) => {
        const { status, stderr } = distill(
          ...[
            folder,
            '--teacher',
            teacher,
            '--augment',
            'shift=0.2,noise=5:10',
            '--batch-norm',
            'frozen',
            '--no-alone',
          ],
          ...['--loss', 'kd', '--temperature', '2', '--alpha', '1', '--lr', '1e-12', '--report', report, '--force'],
          ...more,
        );
        expect(stderr).toMatch(more.length ? /the teacher runs along with training/ : /what it says of the unchanged/);
        expect(status).toBe(0);
        return readReport(report).training!.history[1]!.loss!;
      };
      // A student that does not move has nothing to learn of itself, as long as both see the same.
      expect(lossOf(STUDENT)).toBeGreaterThan(0.05);
      expect(lossOf(STUDENT, '--teacher-views')).toBeLessThan(1e-6);
      expect(lossOf(TEACHER, '--teacher-views')).toBeGreaterThan(0.05);
    },
    60_000,
  );

  it('refuses views that a teacher of other inputs cannot see', () => {
    const { status, stderr } = nncompress(
      ...['distill', TEACHER, '--teacher', STUDENT, '--train', TRAIN, '-o', join(scratch(), 'out.onnx')],
      ...['--augment', 'specaugment', '--teacher-views'],
    );
    expect(stderr).toMatch(/^nncompress: --teacher-views: \S+: some of the changes are of the inputs .*\n$/);
    expect(status).toBe(2);
  });

  it.each([
    [['--teacher', TEACHER, '--teacher-views'], '--teacher-views: samples are not changed'],
    [['--teacher', TEACHER, '--temperature', '0'], "--temperature: expected auto or a number above 0, got '0'"],
    [['--teacher', 'missing.onnx'], 'missing.onnx'],
    [['--teacher', TEACHER, '--resume'], 'out.onnx.trials.checkpoint: does not exist'],
    [[], '--teacher'],
    [['--teacher', 'fixtures/fashion-mobilenet/model.onnx'], 'fixtures/fashion-mobilenet'],
  ])('refuses %j in one line', (more, text) => {
    const { status, stderr } = distill(scratch(), ...more);
    expect(status).toBe(2);
    expect(stderr).toContain(text);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
