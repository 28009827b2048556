import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Emitter } from '../../src/ir/emitter.js';
import { Tensor } from '../../src/ir/tensor.js';
import { readModel } from '../../src/onnx/read.js';
import { encodeModel } from '../../src/onnx/write.js';
import { FEATURES, IMAGES, isThorough, nncompress, readReport, root, SPEECH, scratch, TEXTS } from './program.js';

const [LARGE, TEST] = IMAGES;
const LABELS = readFileSync(join(root, 'fixtures/fashion-mobilenet/labels.txt'), 'utf8').trim().split('\n');

/**
 * The model in other clothes: it takes pixels as bytes with their channel last, and gives probabilities of the classes in
 * reverse.
 */
function disguised(folder: string, labels = [...LABELS].reverse()): string {
  const model = readModel(join(root, LARGE)).clone();
  const { graph } = model;
  const [input, output] = [graph.inputs[0]!, graph.outputs[0]!];
  const nodes = graph.nodes;
  graph.nodes = [];
  const before = new Emitter(model, 'before');
  const pixels = before.div(before.transpose(before.cast('pixels', 1), [0, 3, 1, 2]), 255);
  before.rename(before.div(before.sub(pixels, 0.286), 0.353), input.name);
  graph.inputs = [{ name: 'pixels', type: { kind: 'tensor', elem: 'uint8', shape: ['batch', 28, 28, 1] } }];
  graph.nodes.push(...nodes);
  const after = new Emitter(model, 'after');
  const order = after.constant(Tensor.from('order', 'int64', [10], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]));
  const scores = after.op('Softmax', [after.op('Gather', [output.name, order], { axis: 1 })], { axis: 1 });
  graph.outputs = [{ name: scores, type: { kind: 'tensor', elem: 'float32', shape: ['batch', 10] } }];
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'small.onnx');
  writeFileSync(path, encodeModel(model));
  writeFileSync(join(folder, 'labels.txt'), labels.join('\n'));
  return path;
}

const adapt = (...args: string[]) => nncompress('adapt', ...args, '--no-benchmark');

describe('adapt --cascade', () => {
  it('joins models of other layout, normalization, scores and order of classes', () => {
    const folder = scratch();
    const small = disguised(join(folder, 'small'));
    const [output, report] = [join(folder, 'model.onnx'), join(folder, 'report.json')];
    const { stdout, stderr, status } = adapt(
      ...['--cascade', small, LARGE, '--data', TEST, '--limit', '400', '--max-drop', '0.02'],
      ...['-o', output, '--report', report, '--report', join(folder, 'report.html')],
    );
    expect(stderr).not.toContain('nncompress:');
    expect(status).toBe(0);
    expect(stdout).toMatch(/Exits .*samples leave .* at small/s);
    const { models, adaptive, comparison, warnings } = readReport(report);
    expect(models.map(({ role }) => role)).toEqual(['original', 'small', 'compressed']);
    // It is the same model twice, so that nothing is lost where it runs once.
    expect(models[1]!.metrics!.accuracy).toBe(models[0]!.metrics!.accuracy);
    expect(comparison!.accuracyDrop!.value).toBe(0);
    expect(adaptive!.exits.map(({ name, macs, share }) => [name, macs?.toFixed(3), share])).toEqual([
      ['small', '1.000', 1],
      ['model', '2.000', 0],
    ]);
    expect(adaptive!.macsRatio).toBeCloseTo(1, 3);
    expect(warnings.join()).toContain('thresholds were chosen on fixtures/fashion-mnist/train-images-idx3-ubyte.gz');
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('Cost against accuracy');
  }, 60_000);

  it.runIf(isThorough)(
    'gives exactly the first model at a threshold of 1, the last at 0, and an ordinary file',
    () => {
      const folder = scratch();
      const small = disguised(join(folder, 'small'));
      const go = (threshold: string) => {
        const report = join(folder, `${threshold}.json`);
        const output = join(folder, `${threshold}.onnx`);
        const settings = ['--limit', '200', '--thresholds', threshold, '-o', output, '--report', report];
        expect(adapt('--cascade', small, LARGE, '--data', TEST, ...settings).status).toBe(0);
        return readReport(report);
      };
      expect(go('0').adaptive!.exits.map(({ share }) => share)).toEqual([0, 1]);
      expect(go('0.1').adaptive!.exits[0]!.share).toBeGreaterThan(0.5);
      const { adaptive, models } = go('1');
      expect(adaptive!.exits.map(({ share }) => share)).toEqual([1, 0]);
      for (const name of ['labels.txt', 'preprocessor_config.json'])
        copyFileSync(join(root, 'fixtures/fashion-mobilenet', name), join(folder, name));
      const settings = ['--data', TEST, '--limit', '200', '--no-benchmark', '--json'];
      const evaluated = JSON.parse(nncompress('evaluate', join(folder, '1.onnx'), ...settings).stdout);
      expect(evaluated.models[0].metrics.accuracy).toBe(models.at(-1)!.metrics!.accuracy);
      expect(evaluated.models[0].macs).toBeCloseTo(models.at(-1)!.macs!, -3);
      const { exits, macsRatio } = evaluated.adaptive as NonNullable<typeof adaptive>;
      expect(exits.map(({ name, threshold, share, accuracy }) => [name, threshold, share, accuracy])).toEqual(
        adaptive!.exits.map(({ name, threshold, share, accuracy }) => [name, threshold, share, accuracy]),
      );
      expect(macsRatio).toBeCloseTo(adaptive!.macsRatio, 6);
      expect(exits[0]!.classes).toEqual(adaptive!.exits[0]!.classes);
      expect(exits.map(({ alone }) => alone)).toEqual(adaptive!.exits.map(({ alone }) => alone));
      expect(evaluated.adaptive.curve).toEqual(adaptive!.curve);
    },
    120_000,
  );

  it('refuses what does not go together, in one line, and writes nothing', () => {
    const folder = scratch();
    const output = join(folder, 'out.onnx');
    const refused = (...args: string[]) => {
      const { stderr, status } = adapt(...args, '-o', output);
      expect(status).toBe(2);
      expect(existsSync(output)).toBe(false);
      const [line, ...more] = stderr
        .trim()
        .split('\n')
        .filter((text) => text.startsWith('nncompress:'));
      expect(more).toEqual([]);
      return line;
    };
    const [M5, CLIPS] = SPEECH;
    expect(refused(LARGE, '--data', TEST)).toContain('nothing says how to adapt the model');
    expect(refused('--cascade', M5, FEATURES[0], '--data', CLIPS)).toMatch(
      /digits-m5.*does not follow from what fixtures\/digits-dscnn\/model.onnx is given/,
    );
    const small = disguised(join(folder, 'other'), ['knapsack', ...LABELS.slice(1)]);
    expect(refused('--cascade', small, LARGE, '--data', TEST)).toMatch(
      /small.onnx: knows no class 'T-shirt\/top'|small.onnx: knows no class/,
    );
    expect(refused('--cascade', small, LARGE, '--data', TEST, '--thresholds', '1.5')).toContain(
      "--thresholds: expected numbers from 0 to 1 separated by commas, got '1.5'",
    );
    const twin = disguised(join(folder, 'twin'));
    expect(refused('--cascade', twin, LARGE, '--data', TEST, '--thresholds', '0.1,0.2')).toContain(
      '2 thresholds for 1 exits before the last',
    );
    expect(refused('--cascade', twin, LARGE)).toContain('needs data to choose thresholds on');
  }, 60_000);
});

describe('adapt --early-exit', () => {
  const [DSCNN, CLIPS] = FEATURES;
  const train = 'fixtures/spoken-digits/train';

  it('adds a trained exit to a model that itself stays as it is', () => {
    const folder = scratch();
    const [output, report] = [join(folder, 'model.onnx'), join(folder, 'report.json')];
    const settings = [
      ...['--exit-at', 'relu_2', '--epochs', '15', '--batch', '10', '--macs', '0.9', '--limit', '100'],
      ...['-o', output, '--report', report],
    ];
    const { stdout, stderr, status } = adapt(DSCNN, '--early-exit', '--train', train, '--data', CLIPS, ...settings);
    expect(stderr).toMatch(/an exit at \d+\.\d+ % of the cost, behind relu_2: two separable convolutions/);
    expect(status).toBe(0);
    expect(stdout).toMatch(/Exits .*samples leave .* at exit 1/s);
    const { adaptive, training, models } = readReport(report);
    const [early, last] = adaptive!.exits;
    expect([early!.name, last!.name, training!.epochs]).toEqual(['exit 1', 'last', 15]);
    expect(early!.macs).toBeLessThan(0.7);
    expect(last!.alone).toBe(models[0]!.metrics!.accuracy);
    expect(early!.alone).toBeGreaterThan(0.3);
    expect(readModel(output).graph.outputs.map(({ name }) => name)).toEqual(['logits', 'exit']);
    copyFileSync(join(root, DSCNN, '../preprocessor_config.json'), join(folder, 'preprocessor_config.json'));
    const judged = ['--data', CLIPS, '--limit', '100', '--no-benchmark', '--json'];
    const evaluated = JSON.parse(nncompress('evaluate', output, ...judged).stdout);
    const known = ({ name, share, alone }: (typeof adaptive & object)['exits'][number]) => [name, share, alone];
    expect(evaluated.adaptive.exits.map(known)).toEqual(adaptive!.exits.map(known));
    expect(evaluated.adaptive.curve.length).toBeGreaterThan(10);
    quantizesAll(output, folder, adaptive!.exits);
  }, 60_000);

  /** What follows the first exit lies in a branch, and is quantized as well. */
  function quantizesAll(model: string, folder: string, exits: readonly { name: string; share: number }[]): void {
    const [output, report] = [join(folder, 'int8.onnx'), join(folder, 'int8.json')];
    const settings = ['--method', 'static', '--limit', '100', '--max-drop', '0.05', '--no-benchmark'];
    const data = ['--calibration', train, '--calibration-samples', '64', '--data', CLIPS];
    expect(nncompress('quantize', model, ...settings, ...data, '-o', output, '--report', report).status).toBe(0);
    const { adaptive, nodes, models, warnings, quantization } = readReport(report);
    expect(nodes!.map(({ decision }) => decision)).toEqual(nodes!.map(() => 'static'));
    expect(quantization!.integerKernels['com.microsoft.QLinearConv']).toBeGreaterThan(9);
    expect(warnings).toEqual([]);
    expect(adaptive!.exits.map(({ name }) => name)).toEqual(exits.map(({ name }) => name));
    expect(adaptive!.exits[0]!.share).toBeCloseTo(exits[0]!.share, 0);
    expect(models[1]!.macs! / models[0]!.macs!).toBeCloseTo(1, 1);
  }

  it('refuses what has no place for an exit, and what it is not told', () => {
    const refused = (...args: string[]) => adapt(...args).stderr.trim();
    const [TEXTCNN] = TEXTS;
    expect(refused(TEXTCNN, '--early-exit', '--train', 'fixtures/banking77/train.csv')).toContain(
      'has no place for an exit',
    );
    expect(refused(DSCNN, '--early-exit', '--data', CLIPS)).toContain('--early-exit: needs data to train exits on');
    expect(refused(DSCNN, '--early-exit', '--cascade', 'other.onnx')).toContain(
      '--early-exit: --cascade is asked for, too',
    );
    const at = ['--train', train, '--exit-at', 'relu_99'];
    expect(refused(DSCNN, '--early-exit', ...at)).toMatch(
      /--exit-at: no exit can be added behind 'relu_99'; did you mean/,
    );
  }, 60_000);
});
