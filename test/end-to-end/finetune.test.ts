import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/ir/tensor.js';
import { readModel } from '../../src/onnx/read.js';
import { encodeModel } from '../../src/onnx/write.js';
import { isThorough, killAfter, nncompress, readReport, root, SPEECH, scratch } from './program.js';

const [MODEL, TEST] = SPEECH;
const TRAIN = 'fixtures/spoken-digits/train';

/** Labels of the fixtures' clips by who speaks, as a manifest. */
function speakers(folder: string, split: 'train' | 'test'): string {
  const clips = readdirSync(join(root, 'fixtures/spoken-digits', split), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.wav'))
    .sort();
  const rows = clips.map((name) => `${join(root, 'fixtures/spoken-digits', split, name)},${name.split('_')[1]}`);
  writeFileSync(join(folder, `${split}.csv`), `path,label\n${rows.join('\n')}\n`);
  return join(folder, `${split}.csv`);
}

/** The model with a weaker first layer. */
function damaged(folder: string): string {
  const model = readModel(join(root, MODEL));
  const weight = model.graph.initializers.get('features.0.weight')!;
  const weaker = weight.toFloats().map((value, k) => (k % 3 ? value : 0));
  model.graph.initializers.set(weight.name, Tensor.of(weight.name, 'float32', weight.dims, weaker));
  for (const name of ['config.json', 'preprocessor_config.json'])
    copyFileSync(join(root, MODEL, '..', name), join(folder, name));
  writeFileSync(join(folder, 'model.onnx'), encodeModel(model));
  return join(folder, 'model.onnx');
}

describe('finetune', () => {
  it('wins back what a model lost, under the names that it has, and draws its learning curve', () => {
    const folder = scratch();
    const model = damaged(folder);
    const [output, report] = [join(folder, 'tuned.onnx'), join(folder, 'report.json')];
    const { status, stderr } = nncompress(
      ...['finetune', model, '--train', TRAIN, '--validation', TEST, '--data', TEST, '-o', output, '--report', report],
      ...['--epochs', '3', '--lr', '1e-3', '--batch', '16', '--no-benchmark'],
    );
    expect(stderr).toMatch(
      /training 37,\d+ of 37,\d+ parameters on 100 samples, 16 in a batch; about [\d.]+ .B of memory/,
    );
    expect(status).toBe(0);
    const { training, models } = readReport(report);
    expect(training!.history.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3]);
    expect(training!.bestEpoch).toBeGreaterThan(0);
    expect(models[1]!.metrics!.accuracy).toBeGreaterThan(models[0]!.metrics!.accuracy);
    const [before, after] = [readModel(model), readModel(output)];
    expect([...after.graph.initializers.keys()]).toEqual([...before.graph.initializers.keys()]);
    expect(after.opset).toBe(before.opset);
    expect(readdirSync(folder)).not.toContain('tuned.onnx.checkpoint');
  });

  it('learns other classes on a frozen model, from features that were computed once', () => {
    const folder = scratch();
    const [output, report] = [join(folder, 'who.onnx'), join(folder, 'report.json')];
    const { status, stderr } = nncompress(
      ...['finetune', MODEL, '--train', speakers(folder, 'train'), '--data', speakers(folder, 'test')],
      ...['--validation', join(folder, 'test.csv')],
      ...[
        '--classes',
        'auto',
        '--freeze',
        'features*',
        '--epochs',
        '20',
        '--lr',
        '1e-2',
        '-o',
        output,
        '--report',
        report,
      ],
      '--no-benchmark',
    );
    expect(stderr).toContain('the frozen layers were run once');
    expect(status).toBe(0);
    const { data, models } = readReport(report);
    expect(data!.classes).toBe(5);
    expect(models[0]!.metrics).toBeUndefined();
    expect(models[1]!.metrics!.accuracy).toBeGreaterThan(0.4);
    copyFileSync(join(root, MODEL, '../preprocessor_config.json'), join(folder, 'preprocessor_config.json'));
    const evaluated = nncompress('evaluate', output, '--data', join(folder, 'test.csv'), '--no-benchmark', '--json');
    expect(JSON.parse(evaluated.stdout).models[0].metrics.accuracy).toBe(models[1]!.metrics!.accuracy);
  });

  it.runIf(isThorough)('killed again and again, resumed to the same file', async () => {
    const folder = scratch();
    const args = [
      ...['finetune', MODEL, '--train', TRAIN, '--classes', 'auto', '--epochs', '2', '--batch', '8'],
      ...['--checkpoint-every', '0.001', '--no-benchmark'],
    ];
    const undisturbed = join(folder, 'undisturbed.onnx');
    const { stdout } = nncompress(...args, '-o', undisturbed, '--json');
    expect(JSON.parse(stdout).training.bestEpoch).toBeGreaterThan(0);
    const killed = join(folder, 'killed.onnx');
    for (const checkpoints of [1, 3, 2]) {
      const resume = existsSync(`${killed}.checkpoint`) ? ['--resume'] : [];
      await killAfter(checkpoints, `${killed}.checkpoint`, [...args, '-o', killed, ...resume]);
    }
    expect(nncompress(...args, '-o', killed, '--resume').status).toBe(0);
    expect(readFileSync(killed).equals(readFileSync(undisturbed))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['killed.onnx', 'undisturbed.onnx']);
  });

  it.each([
    [['--epochs', '1', '--freeze', 'nothing*'], /--freeze: 'nothing\*' fits no parameter; give names/],
    [['--freeze', '*'], /nothing is left to train: everything is frozen/],
    [['--batch', '1000'], /has 90 samples to train on, fewer than the 1000 of a batch/],
    [['--resume'], /tuned\.onnx\.checkpoint: does not exist/],
    [['--augment', 'spin'], /--augment: there is no augmentation 'spin' for audio data/],
    [['--lr', '1e12', '--optimizer', 'sgd'], /the loss was no longer a number at epoch 1/],
    [['--classes', 'auto', '--data', TEST, '--min-accuracy', '2'], /--min-accuracy/],
  ])('refuses %j in one line, and writes nothing', (extra, says) => {
    const folder = scratch();
    const { status, stderr } = nncompress(
      ...['finetune', MODEL, '--train', TRAIN, '-o', join(folder, 'tuned.onnx'), '-q', ...extra],
    );
    expect(stderr).toMatch(/^nncompress: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(status).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });
});
