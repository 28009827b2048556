import { describe, expect, it } from 'vitest';
import { exampleInputs } from '../../src/analysis/example-inputs.js';
import { STUDENTS } from '../../src/commands/choices.js';
import { checkModel } from '../../src/ir/check.js';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { cleanupPasses } from '../../src/passes/cleanup/index.js';
import { runPasses } from '../../src/passes/pass.js';
import { Session } from '../../src/runtime/session.js';
import { buildStudent, type StudentSpec } from '../../src/students/build.js';
import type { StudentInput } from '../../src/students/input.js';
import { sizeAt } from '../../src/students/size.js';
import { TEMPLATES, templatesFor } from '../../src/students/table.js';
import { classification, ROW_WEIGHTS, TARGETS } from '../../src/training/objectives.js';
import { prepareForTraining } from '../../src/training/prepare.js';
import { buildStepGraph } from '../../src/training/step-graph.js';
import { floats, int64s } from '../ops/gradients/check-gradient.js';
import { INPUTS, tokens } from './inputs.js';

const specOf = (name: string, input: StudentInput, outputs = 10): StudentSpec => ({
  template: TEMPLATES.find((template) => template.name === name)!,
  ...{ input, outputs, independent: false },
});

/** Every template with every kind of input that it takes. */
const CASES = TEMPLATES.flatMap(({ name, suits }) => suits.map((kind) => [name, kind] as const));

/** Every template with the kind that it is meant for. */
const TRAINED = TEMPLATES.map(({ name, suits: [kind] }) => [name, kind!] as const);

async function run(model: ReturnType<typeof buildStudent>, feeds: NamedValues): Promise<number[]> {
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const { logits } = await session.run(feeds);
  await session.release();
  return [...(logits!.data as Float32Array)];
}

describe('templates', () => {
  it('are those that can be asked for', () => {
    expect(TEMPLATES.map(({ name }) => name)).toEqual(STUDENTS);
  });

  it.each([
    ['image', ['cnn', 'ds-cnn', 'resnet']],
    ['tokens', ['textcnn', 'gru', 'lstm', 'transformer']],
    ['spectrogram', ['cnn', 'ds-cnn', 'resnet', 'gru', 'lstm', 'transformer', 'kws']],
    ['waveform', ['wave-cnn']],
    ['sequence', ['textcnn', 'gru', 'lstm', 'transformer']],
    ['vector', ['mlp']],
  ] as const)('for %s inputs are %j', (kind, names) => {
    expect(templatesFor(kind).map(({ name }) => name)).toEqual(names);
  });

  it.each(CASES)('%s takes %s inputs, any number of samples at a time, and gives finite logits', async (name, kind) => {
    const model = buildStudent(specOf(name, INPUTS[kind]), 0.5, 1);
    checkModel(model);
    const feeds = exampleInputs(model, [['batch', [3]]]);
    const logits = await run(model, feeds);
    expect(logits).toHaveLength(30);
    expect(logits.every(Number.isFinite)).toBe(true);
    const folded = model.clone();
    await runPasses(folded, cleanupPasses);
    const after = await run(folded, feeds);
    for (const [k, logit] of logits.entries()) expect(after[k]).toBeCloseTo(logit, 3);
  });

  it.each(TRAINED)('%s on %s inputs can be trained: every parameter has a gradient', async (name, kind) => {
    const model = buildStudent(specOf(name, INPUTS[kind]), 0.5, 1);
    const objective = classification({
      ...{ output: 'logits', kind: 'single-label', probabilities: false },
      ...{ classes: 10, labelSmoothing: 0 },
    });
    const trainable = await prepareForTraining(model);
    const step = await buildStepGraph(trainable, { objective });
    expect(step.parameters.map((parameter) => parameter.name).sort()).toEqual(
      trainable.parameters.map((parameter) => parameter.name).sort(),
    );
    const session = await Session.create(encodeModel(step.model), { threads: 1 });
    const gradients = await session.run({
      ...exampleInputs(model, [['batch', [2]]]),
      ...Object.fromEntries(step.parameters.map((one) => [one.name, one.tensor.toValue()])),
      [TARGETS]: int64s([2], [3, 7]),
      [ROW_WEIGHTS]: floats([2], [0.5, 0.5]),
    });
    await session.release();
    for (const one of step.parameters)
      expect((gradients[one.gradient]!.data as Float32Array).every(Number.isFinite), one.name).toBe(true);
    const classifier = step.parameters.find((one) => one.name.endsWith('classifier/bias'))!;
    expect((gradients[classifier.gradient]!.data as Float32Array).some((value) => value !== 0)).toBe(true);
  });

  it.each([
    ['cnn', 'image', [16, 32, 64], 74_762],
    ['ds-cnn', 'image', [16, 32, 64, 128], 37_514],
    ['resnet', 'image', [16, 32, 64], 174_682],
    ['textcnn', 'tokens', [32, 64], 28_299],
    ['gru', 'tokens', [32, 64], 40_523],
    ['lstm', 'tokens', [32, 64], 53_067],
    ['transformer', 'tokens', [64], 103_953],
    ['kws', 'spectrogram', [64], 22_474],
    ['wave-cnn', 'waveform', [32, 32, 64, 128], 37_898],
    ['mlp', 'vector', [128, 64], 12_994],
  ] as const)('%s:small on %s inputs has widths %j and %i parameters', async (name, kind, widths, parameters) => {
    const size = await sizeAt(specOf(name, INPUTS[kind]), 0.5);
    expect([size.widths, size.parameters]).toEqual([widths, parameters]);
  });
});

describe('initial weights', () => {
  const build = (seed: number) => buildStudent(specOf('cnn', INPUTS.image), 0.5, seed);
  const weight = (seed: number) => build(seed).graph.initializers.get('cnn/stage1/conv2/weight')!.toFloats();

  it('come from the seed', () => {
    expect(weight(1)).toEqual(weight(1));
    expect(weight(1)).not.toEqual(weight(2));
    expect(encodeModel(build(3))).toEqual(encodeModel(build(3)));
  });

  it('have the variance of He et al. before a rectifier', () => {
    const values = weight(1);
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance).toBeCloseTo(2 / (16 * 9), 3);
    expect(Math.max(...values)).toBeLessThanOrEqual(Math.sqrt(6 / (16 * 9)));
  });

  it('of independent classes expect one sample in ten to belong to each', () => {
    const model = buildStudent({ ...specOf('cnn', INPUTS.image, 1), independent: true }, 0.5, 1);
    const [bias] = model.graph.initializers.get('cnn/classifier/bias')!.toFloats();
    expect(1 / (1 + Math.exp(-bias!))).toBeCloseTo(0.1, 6);
  });
});

describe('layouts', () => {
  const values = Float32Array.from({ length: 2 * 3 * 8 * 8 }, (_, k) => Math.sin(k));
  const sizes = { C: 3, H: 8, W: 8 };
  const chw = (n: number, c: number, p: number) => values[(n * 3 + c) * 64 + p]!;
  const turned = Float32Array.from({ length: values.length }, (_, k) =>
    chw(Math.floor(k / 192), k % 3, Math.floor((k % 192) / 3)),
  );

  it.each([
    ['NHWC', ['n', 8, 8, 3], turned],
    ['NCHW', ['n', 192], values],
    ['NHWC', ['n', 192], turned],
  ])('%s as %j gives what NCHW gives', async (axes, dims, data) => {
    const input = (axes: string, dims: (string | number)[]): StudentInput => ({
      ...{ kind: 'image', axes, sizes },
      value: { name: 'x', type: 'float32', dims },
    });
    const feed = (dims: (string | number)[], data: Float32Array) => ({
      x: floats([2, ...dims.slice(1).map(Number)], data),
    });
    const plain = await run(
      buildStudent(specOf('cnn', input('NCHW', ['n', 3, 8, 8])), 0.5, 1),
      feed(['n', 3, 8, 8], values),
    );
    const other = await run(buildStudent(specOf('cnn', input(axes, dims)), 0.5, 1), feed(dims, data));
    for (const [k, logit] of plain.entries()) expect(other[k]).toBeCloseTo(logit, 4);
  });

  it('take pixels as bytes, too', async () => {
    const value = { name: 'x', type: 'uint8', dims: ['n', 28, 28] } as const;
    const model = buildStudent(specOf('cnn', { ...INPUTS.image, axes: 'NHW', sizes: { H: 28, W: 28 }, value }), 0.5, 1);
    const x = { type: 'uint8', dims: [2, 28, 28], data: new Uint8Array(2 * 28 * 28).fill(200) } as const;
    expect(await run(model, { x: { ...x, dims: [...x.dims] } })).toHaveLength(20);
  });
});

describe('padding', () => {
  const ids = [5, 9, 3];
  const feeds = (side: 'left' | 'right', padding: number, withMask: boolean): NamedValues => {
    const pad = (values: number[], fill: number) =>
      side === 'left' ? [...Array(padding).fill(fill), ...values] : [...values, ...Array(padding).fill(fill)];
    const length = ids.length + padding;
    return {
      ids: int64s([1, length], pad(ids, 0)),
      ...(withMask && { mask: int64s([1, length], pad([1, 1, 1], 0)) }),
    };
  };

  it.each(
    ['textcnn', 'gru', 'lstm', 'transformer'].flatMap((name) => [
      [name, 'left', true] as const,
      [name, 'right', false] as const,
    ]),
  )('%s: on the %s, mask %j, changes nothing', async (name, side, withMask) => {
    const input = { ...tokens, mask: withMask ? tokens.mask : undefined, padding: { id: 0, side } };
    const model = buildStudent(specOf(name, input), 0.5, 1);
    const [bare, padded] = await Promise.all([0, 4].map((padding) => run(model, feeds(side, padding, withMask))));
    for (const [k, logit] of bare!.entries()) expect(padded![k]).toBeCloseTo(logit, 4);
  });
});
