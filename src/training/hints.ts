import { UserError } from '../errors.js';
import { Emitter } from '../ir/emitter.js';
import type { Dim } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { Tensor } from '../ir/tensor.js';
import { elementCount } from '../ir/types.js';
import {
  adaptiveAveragePool,
  attentionDivergence,
  attentionMap,
  hiddenStateDistance,
  relationalDistance,
} from './hint-losses.js';
import { meanSquaredError, sumOverRows } from './losses.js';
import { ROW_WEIGHTS } from './objectives.js';
import type { Objective, ObjectiveSite } from './step-graph.js';

/** What of a student is compared with its teacher beside the scores. */
export type HintKind = 'features' | 'attention-maps' | 'relations' | 'hidden-states' | 'attentions';

/** A value inside a model, and its shape for a batch of some rows. */
export interface InnerValue {
  name: string;
  rows: number;
  dims: readonly number[];
}

/** A value of a student that is to become like one of its teacher. */
export interface Hint {
  kind: HintKind;
  student: InnerValue;
  teacher: InnerValue;
  /** Factor of this loss in the sum. */
  weight: number;
}

/** A hint, and how what it needs of the teacher is fed. */
export interface FedHint extends Hint {
  /** Name of the input: float16, as the teacher's probe gives it. */
  input: string;
  /** Its shape with the rows first, undefined where it varies with the length of the texts. */
  dims: readonly Dim[];
  /** Mean square of what the teacher gives, in which squared differences of features and hidden states are counted. */
  power: number;
}

/** What a loss is built with. */
interface HintSite {
  g: Emitter;
  /** Float32 `[rows]`: 0 for rows that only fill the batch. */
  weights: string;
  /** Float32 `[rows, tokens]`: 1 for tokens, 0 for what fills a text up; absent where every token counts. */
  mask: string | undefined;
  /** Numbers that are trained with the student, zeros at first. */
  projection(...dims: number[]): string;
}

/** How values of one kind are compared. */
interface HintRow {
  /** Weight where none is given. */
  weight: number;
  /** Axes of the teacher's summary that count tokens. */
  tokenAxes: readonly number[];
  /** Why two values cannot be compared; undefined where they can. */
  refuses(student: readonly number[], teacher: readonly number[]): string | undefined;
  /** What of the teacher's value is needed, as small as can be. */
  summary(g: Emitter, value: string, hint: Hint): string;
  /** One number per row. */
  loss(site: HintSite, student: string, teacher: string, hint: FedHint): string;
}

/** Sizes at which two feature maps are compared: the smaller ones. */
function commonSizes({ student, teacher }: Hint): number[] {
  const [own, taught] = [student, teacher].map((value) => canonicalDims(value).slice(2)) as [number[], number[]];
  return own.map((size, axis) => Math.min(size, taught[axis]!));
}

const pooled = (g: Emitter, value: string, of: InnerValue, hint: Hint) =>
  adaptiveAveragePool(g, value, canonicalDims(of).slice(2), commonSizes(hint));

const heads = (value: InnerValue) => canonicalDims(value)[1]!;

/** Attention of one distribution per query, where the models have other numbers of heads. */
const meanOfHeads = (g: Emitter, value: string, { student, teacher }: Hint) =>
  heads(student) === heads(teacher) ? value : g.op('ReduceMean', [value, g.ints([1])], { keepdims: 1 });

const axesText = (dims: readonly number[]) => `[${['rows', ...dims.slice(1)].join(', ')}]`;

const sameRank = (student: readonly number[], teacher: readonly number[]) =>
  student.length === teacher.length
    ? undefined
    : `one is ${axesText(student)}, the other ${axesText(teacher)}: give values with as many axes`;

const ofRank = (rank: number, what: string) => (student: readonly number[], teacher: readonly number[]) => {
  const odd = [student, teacher].find(({ length }) => length !== rank);
  return odd && `${what} have ${rank} axes, and one of the two is ${axesText(odd)}`;
};

/** How inner values are compared, by kind. */
export const HINTS: Readonly<Record<HintKind, HintRow>> = {
  /** FitNets (Romero et al. 2015): the student's feature through a learnt projection. */
  features: {
    weight: 1,
    tokenAxes: [],
    refuses: (student, teacher) =>
      student.length < 2 ? 'it holds one number per row, and no features' : sameRank(student, teacher),
    summary: (g, value, hint) => pooled(g, value, hint.teacher, hint),
    loss({ g, projection }, student, teacher, hint) {
      const small = pooled(g, student, hint.student, hint);
      const [own, taught] = [hint.student, hint.teacher].map((value) => canonicalDims(value)[1]!) as [number, number];
      const ones = commonSizes(hint).map(() => 1);
      const projected = ones.length
        ? g.op('Conv', [small, projection(taught, own, ...ones), projection(taught)])
        : g.add(g.op('MatMul', [small, projection(own, taught)]), projection(taught));
      return g.div(meanSquaredError(g, projected, teacher), hint.power);
    },
  },
  /** Attention transfer (Zagoruyko and Komodakis 2017). */
  'attention-maps': {
    weight: 100,
    tokenAxes: [],
    refuses: (student, teacher) =>
      student.length < 3 ? `it is ${axesText(student)}, and no feature map` : sameRank(student, teacher),
    summary: (g, value, hint) => attentionMap(g, pooled(g, value, hint.teacher, hint)),
    loss: ({ g }, student, teacher, hint) =>
      meanSquaredError(g, attentionMap(g, pooled(g, student, hint.student, hint)), teacher),
  },
  /** Relational distillation (Park et al. 2019). */
  relations: {
    weight: 1,
    tokenAxes: [],
    refuses: () => undefined,
    summary: (g, value) => g.op('Flatten', [value], { axis: 1 }),
    loss: ({ g, weights }, student, teacher) => relationalDistance(g, student, teacher, weights),
  },
  /** TinyBERT (Jiao et al. 2020), DistilBERT (Sanh et al. 2019). */
  'hidden-states': {
    weight: 1,
    tokenAxes: [1],
    refuses: ofRank(3, 'hidden states'),
    summary: (_, value) => value,
    loss({ g, mask, projection }, student, teacher, hint) {
      const [own, taught] = [hint.student, hint.teacher].map((value) => canonicalDims(value)[2]!) as [number, number];
      const projected = own === taught ? student : g.op('MatMul', [student, projection(own, taught)]);
      return g.div(hiddenStateDistance(g, projected, teacher, mask), hint.power);
    },
  },
  /** MiniLM (Wang et al. 2020). */
  attentions: {
    weight: 1,
    tokenAxes: [2, 3],
    refuses: ofRank(4, 'attention distributions'),
    summary: meanOfHeads,
    loss: ({ g, mask }, student, teacher, hint) => attentionDivergence(g, meanOfHeads(g, student, hint), teacher, mask),
  },
};

/** How the rows of a batch lie in a value: first, second behind the tokens, or first and multiplied by heads. */
function layoutOf({ dims, rows }: InnerValue): 'first' | 'second' | 'heads' | undefined {
  if (dims[0] === rows) return 'first';
  if (dims.length === 3 && dims[1] === rows) return 'second';
  return dims.length === 3 && dims[0]! % rows === 0 ? 'heads' : undefined;
}

/** The shape of a value with the rows first, as they are compared; undefined where it holds no rows. */
export function rowShape(value: InnerValue): readonly number[] | undefined {
  const { dims, rows } = value;
  const [first, second, ...rest] = dims as [number, number];
  const layout = layoutOf(value);
  if (layout === 'heads') return [rows, first / rows, second, ...rest];
  return layout === 'second' ? [second, first, ...rest] : layout && dims;
}

const canonicalDims = (value: InnerValue) => rowShape(value)!;

/** Emits what brings the rows of a value first. */
function withRowsFirst(g: Emitter, value: string, inner: InnerValue): string {
  const layout = layoutOf(inner);
  if (layout === 'first') return value;
  if (layout === 'second') return g.transpose(value, [1, 0, 2]);
  const sizes = g.op('Slice', [g.shape(value), g.ints([1]), g.ints([3])]);
  return g.reshape(value, g.op('Concat', [g.ints([-1, heads(inner)]), sizes], { axis: 0 }));
}

/** Name of the input for the teacher's part of the k-th hint. */
export const hintInput = (k: number) => `nncompress/hint_${k}`;

/** Numbers further from zero do not fit into float16. */
const LARGEST_HALF = 65504;
const [FLOAT, HALF] = [1, 10];

/** A teacher that gives what hints need of it, in float16, and nothing else. */
export function hintProbe(teacher: Model, hints: readonly Hint[]): Model {
  const probe = teacher.clone();
  const g = new Emitter(probe, 'hint');
  const summaries = hints.map((hint) => {
    const value = withRowsFirst(g, g.cast(hint.teacher.name, FLOAT), hint.teacher);
    const summary = HINTS[hint.kind].summary(g, value, hint);
    return g.cast(g.op('Clip', [summary, -LARGEST_HALF, LARGEST_HALF]), HALF);
  });
  for (const [k, summary] of summaries.entries()) g.rename(summary, hintInput(k));
  probe.graph.outputs = hints.map((_, k) => ({ name: hintInput(k) }));
  return probe;
}

/**
 * An objective, and the losses of hints beside it.
 * @param mask input of the model that is 0 for what fills texts up.
 */
export function withHints(objective: Objective, hints: readonly FedHint[], mask: string | undefined): Objective {
  return (at) => {
    const { g } = at;
    const sum = objective(at);
    const known = at.model.graph.index().producer;
    const site = siteOf(at, mask);
    const losses = hints.map((hint) => {
      const { kind, student, input, dims, weight } = hint;
      if (!known.has(student.name))
        throw new UserError(`'${student.name}' is gone from the model as it is trained`, {
          file: '--match',
          mend: 'name another value, or leave out --batch-norm restore',
        });
      const teacher = g.cast(at.input(input, 'float16', dims), FLOAT);
      const loss = HINTS[kind].loss(site, withRowsFirst(g, student.name, student), teacher, hint);
      return g.mul(sumOverRows(g, loss, site.weights), weight);
    });
    return g.op('Sum', [sum, ...losses]);
  };
}

/**
 * Projections begin at zero, so that the student is not pushed about before they know how to read it: random ones made a
 * transformer collapse.
 */
function siteOf({ g, input, parameter }: ObjectiveSite, mask: string | undefined): HintSite {
  return {
    g,
    weights: input(ROW_WEIGHTS, 'float32', ['rows']),
    mask: mask && g.cast(mask, FLOAT),
    projection: (...dims) =>
      parameter(Tensor.of('hint/projection', 'float32', dims, new Float32Array(elementCount(dims)))),
  };
}
