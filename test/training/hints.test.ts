import { describe, expect, it } from 'vitest';
import { halvesFromFloats } from '../../src/ir/half.js';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { type FedHint, HINTS, type Hint, hintProbe, rowShape, withHints } from '../../src/training/hints.js';
import { ROW_WEIGHTS } from '../../src/training/objectives.js';
import { prepareForTraining } from '../../src/training/prepare.js';
import { buildStepGraph } from '../../src/training/step-graph.js';
import { constants } from '../analysis/constants.js';
import { floats, graphOf, int64s, randomFloats } from '../ops/gradients/check-gradient.js';
import { transformer } from './transformer.js';

const half = (dims: readonly number[], data: ArrayLike<number>) => ({
  type: 'float16' as const,
  dims,
  data: halvesFromFloats(Float32Array.from(data)),
});

/** Runs a model, and gives some of its outputs as numbers. */
async function run(model: Parameters<typeof encodeModel>[0], feeds: NamedValues): Promise<NamedValues> {
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const results = await session.run(feeds);
  await session.release();
  return results;
}

/** The step graph of a student whose only loss are hints. */
async function stepOf(text: string, hints: readonly FedHint[], mask?: string) {
  const trainable = await prepareForTraining(graphOf(text));
  return buildStepGraph(trainable, {
    objective: withHints(({ g }) => g.scalar(0), hints, mask),
  });
}

const inner = (name: string, dims: readonly number[], rows = 2) => ({ name, dims, rows });

describe('hints', () => {
  it('train a projection with the student, and it is none of the student’s parameters', async () => {
    const hint: FedHint = {
      ...{ kind: 'features', weight: 3, input: 'teacher', dims: [2, 4], power: 2 },
      student: inner('h', [2, 3]),
      teacher: inner('t', [2, 4]),
    };
    const text = `f (float[n,2] x) => (float[n,2] y) ${constants({ w: [2, 3], v: [3, 2] })}
      { h = MatMul(x, w) y = MatMul(h, v) }`;
    const { model, loss, parameters } = await stepOf(text, [hint]);
    expect(parameters.map(({ name, isAuxiliary = false }) => [name, isAuxiliary])).toEqual([
      ['w', false],
      ['hint/projection', true],
      ['hint/projection_1', true],
    ]);
    const taught = [1, 0, 2, -1, 0, 1, 1, 3];
    const x = [1, 2, -1, 0.5];
    const feeds = { x: floats([2, 2], x), teacher: half([2, 4], taught), [ROW_WEIGHTS]: floats([2], [0.5, 0.5]) };
    const values = Object.fromEntries(parameters.map(({ name, tensor }) => [name, tensor.toValue()]));
    // Projections begin at zero: the first loss is that of knowing nothing, 17 / 8 over the power 2, times the weight.
    const first = await run(model, { ...feeds, ...values });
    expect(Number(first[loss]!.data[0])).toBeCloseTo((3 * 17) / 8 / 2, 4);
    const projection = Array.from(randomFloats([3, 4], 9).data as Float32Array);
    const results = await run(model, { ...feeds, ...values, 'hint/projection': floats([3, 4], projection) });
    const w = parameters[0]!.tensor.toFloats();
    const product = (a: ArrayLike<number>, b: ArrayLike<number>, inner: number, columns: number) =>
      Array.from({ length: (a.length / inner) * columns }, (_, at) => {
        const [row, column] = [Math.floor(at / columns), at % columns];
        return Array.from({ length: inner }, (_, k) => a[row * inner + k]! * b[k * columns + column]!).reduce(
          (s, v) => s + v,
        );
      });
    const projected = product(product(x, w, 2, 3), projection, 3, 4);
    const squares = projected.map((value, k) => (value - taught[k]!) ** 2);
    expect(Number(results[loss]!.data[0])).toBeCloseTo((3 * squares.reduce((a, b) => a + b)) / 8 / 2, 3);
  });
});

/** What a probe gives of a value that a model takes as it is. */
async function summaryOf(hint: Hint, value: NamedValues[string]): Promise<NamedValues[string]> {
  const { name } = hint.teacher;
  const teacher = graphOf(`f (float[${value.dims}] x) => (float[${value.dims}] ${name}) { ${name} = Identity(x) }`);
  const results = await run(hintProbe(teacher, [hint]), { x: value });
  return Object.values(results)[0]!;
}

describe('hintProbe gives as little of the teacher as a hint needs', () => {
  it.each<[Hint['kind'], number[], number[], number[]]>([
    ['features', [2, 3, 4, 4], [2, 5, 8, 8], [2, 5, 4, 4]],
    ['features', [2, 3, 4, 9], [2, 5, 8, 6], [2, 5, 4, 6]],
    ['attention-maps', [2, 3, 4, 4], [2, 5, 8, 8], [2, 16]],
    ['relations', [2, 7], [2, 3, 4], [2, 12]],
    ['hidden-states', [2, 5, 4], [2, 5, 8], [2, 5, 8]],
    ['attentions', [2, 4, 3, 3], [2, 4, 3, 3], [2, 4, 3, 3]],
    ['attentions', [2, 2, 3, 3], [2, 4, 3, 3], [2, 1, 3, 3]],
    ['attentions', [2, 4, 3, 3], [8, 3, 3], [2, 4, 3, 3]],
  ])('%s of [%s] for [%s]', async (kind, student, teacher, expected) => {
    const hint = { kind, weight: 1, student: inner('s', student), teacher: inner('t', teacher) };
    const { type, dims } = await summaryOf(hint, randomFloats(teacher, 5));
    expect([type, dims]).toEqual(['float16', expected]);
  });

  it('brings the rows of hidden states first', async () => {
    const hint: Hint = {
      ...{ kind: 'hidden-states', weight: 1 },
      student: inner('s', [2, 3, 1]),
      teacher: inner('t', [3, 2, 1]),
    };
    const { dims, data } = await summaryOf(hint, floats([3, 2, 1], [1, 4, 2, 5, 3, 6]));
    expect(dims).toEqual([2, 3, 1]);
    expect([...(data as Uint16Array)]).toEqual([...halvesFromFloats(Float32Array.of(1, 2, 3, 4, 5, 6))]);
  });

  it('keeps numbers within float16', async () => {
    const hint: Hint = { kind: 'relations', weight: 1, student: inner('s', [2, 1]), teacher: inner('t', [2, 1]) };
    const { data } = await summaryOf(hint, floats([2, 1], [1e6, -1e6]));
    expect([...(data as Uint16Array)]).toEqual([...halvesFromFloats(Float32Array.of(65504, -65504))]);
  });
});

describe('rowShape', () => {
  it.each([
    [
      [3, 5, 8],
      [3, 5, 8],
    ],
    [
      [5, 3, 8],
      [3, 5, 8],
    ],
    [
      [12, 5, 5],
      [3, 4, 5, 5],
    ],
    [[5, 8], undefined],
  ])('of [%s] for three rows is [%s]', (dims, expected) => {
    expect(rowShape({ name: 'v', rows: 3, dims })).toEqual(expected);
  });
});

describe('what cannot be compared', () => {
  it.each<[Hint['kind'], number[], number[], RegExp]>([
    ['features', [2, 3, 4], [2, 3, 4, 4], /one is \[rows, 3, 4\], the other \[rows, 3, 4, 4\]/],
    ['attention-maps', [2, 3], [2, 3], /no feature map/],
    ['hidden-states', [2, 3], [2, 3, 4], /have 3 axes, and one of the two is \[rows, 3\]/],
    ['attentions', [2, 3, 4], [2, 3, 4, 4], /have 4 axes/],
  ])('%s of [%s] and [%s]', (kind, student, teacher, message) => {
    expect(HINTS[kind].refuses(student, teacher)).toMatch(message);
    expect(HINTS[kind].refuses(teacher, teacher) ?? '').toMatch(kind === 'attention-maps' ? message : /^$/);
  });
});

describe('a transformer and itself', () => {
  it('have nothing to learn from each other: the losses of states and attention are 0, without what fills texts up', async () => {
    const model = transformer({ layers: 1, width: 4, heads: 2, vocabulary: 9, classes: 2 });
    const states = { kind: 'hidden-states', weight: 1, ...same('state_1', [2, 3, 4]) } satisfies Hint;
    const attentions = { kind: 'attentions', weight: 1, ...same('attention_1', [2, 2, 3, 3]) } satisfies Hint;
    const feeds = {
      input_ids: int64s([2, 3], [1, 2, 3, 4, 5, 0]),
      attention_mask: int64s([2, 3], [1, 1, 1, 1, 1, 0]),
    };
    const given = await run(hintProbe(model, [states, attentions]), feeds);
    const fed = [states, attentions].map((hint, k): FedHint => {
      const input = `nncompress/hint_${k}`;
      return { ...hint, input, dims: given[input]!.dims, power: 1 };
    });
    // What the teacher makes of a token that only fills the text up is of no account.
    (given['nncompress/hint_0']!.data as Uint16Array).fill(0x4000, 5 * 4);
    const trainable = await prepareForTraining(model, ['state_1', 'attention_1']);
    const {
      model: step,
      loss,
      parameters,
    } = await buildStepGraph(trainable, {
      objective: withHints(({ g }) => g.scalar(0), fed, 'attention_mask'),
    });
    const results = await run(step, {
      ...feeds,
      ...given,
      [ROW_WEIGHTS]: floats([2], [0.5, 0.5]),
      ...Object.fromEntries(parameters.map(({ name, tensor }) => [name, tensor.toValue()])),
    });
    expect(Math.abs(Number(results[loss]!.data[0]))).toBeLessThan(1e-4);
  });

  const same = (name: string, dims: readonly number[]) => ({
    student: inner(name, dims),
    teacher: inner(name, dims),
  });
});
