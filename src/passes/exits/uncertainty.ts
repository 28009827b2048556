import type { Emitter } from '../../ir/emitter.js';

/** What a classifier's scores are. */
export interface ScoreForm {
  kind: 'single-label' | 'multi-label' | 'binary';
  /** True for probabilities, false for logits. */
  probabilities: boolean;
  /** Scores of a row. */
  width: number;
}

/** How unsure a classifier is of a row, by what its probabilities are looked at for. */
export const MEASURES = ['max-probability', 'margin', 'entropy'] as const;
export type Measure = (typeof MEASURES)[number];

type Rule = (g: Emitter, logits: string, width: number) => string;

/** Of one class among many, from its logits `[rows, classes]`. */
const AMONG_CLASSES: Record<Measure, Rule> = {
  'max-probability': (g, logits) => {
    const most = g.op('ReduceMax', [softmax(g, logits), g.ints([-1])], { keepdims: 0 });
    return g.sub(1, most);
  },
  margin: (g, logits) => {
    const [best] = g.ops('TopK', [softmax(g, logits), g.ints([2])], { axis: -1 }, 2);
    const [first, second] = g.ops('Split', [best, g.ints([1, 1])], { axis: -1 }, 2);
    return g.op('Squeeze', [g.sub(1, g.sub(first!, second!)), g.ints([-1])]);
  },
  entropy: (g, logits, width) => {
    const log = g.op('LogSoftmax', [logits], { axis: -1 });
    return g.div(g.neg(g.sum(g.mul(g.op('Exp', [log]), log), [-1], false)), Math.log(width));
  },
};

/** Of yes or no, from the logit of each label. */
const YES_OR_NO: Record<Measure, Rule> = {
  'max-probability': (g, logits) => g.op('Sigmoid', [g.neg(g.op('Abs', [logits]))]),
  margin: (g, logits) => g.mul(g.op('Sigmoid', [g.neg(g.op('Abs', [logits]))]), 2),
  entropy: (g, logits) => {
    const cross = g.sub(g.op('Softplus', [logits]), g.mul(g.op('Sigmoid', [logits]), logits));
    return g.div(cross, Math.LN2);
  },
};

const softmax = (g: Emitter, logits: string) => g.op('Softmax', [logits], { axis: -1 });

/** Probabilities are kept this far from 0 and 1 before their logarithm is taken. */
const NEAREST = 1e-7;

/**
 * Emits how unsure a classifier is of each row, float32 `[rows]` from 0 (sure) to 1: one minus the largest probability, one
 * minus its lead over the second, or the entropy as a share of the largest possible. Where each label is decided for
 * itself, the row is as unsure as its least sure label.
 * @param scores float32, one row per sample; `rank` is the number of their axes, where it is known.
 * @param temperature what logits are divided by first (Guo et al. 2017, "On calibration of modern neural networks").
 */
export function emitUncertainty(
  g: Emitter,
  scores: string,
  { kind, probabilities, width, rank }: ScoreForm & { rank?: number | undefined },
  measure: Measure,
  temperature: number,
): string {
  const rows = rank === 2 ? scores : g.op('Flatten', [scores], { axis: 1 });
  const raw = probabilities ? logarithms(g, rows, kind) : rows;
  const logits = temperature === 1 ? raw : g.div(raw, temperature);
  if (kind === 'single-label') return AMONG_CLASSES[measure](g, logits, width);
  return g.op('ReduceMax', [YES_OR_NO[measure](g, logits, width), g.ints([-1])], { keepdims: 0 });
}

/** Logits that give these probabilities. */
export function logarithms(g: Emitter, probabilities: string, kind: ScoreForm['kind']): string {
  const log = (value: string) => g.op('Log', [g.op('Clip', [value, NEAREST, 1])]);
  return kind === 'single-label' ? log(probabilities) : g.sub(log(probabilities), log(g.sub(1, probabilities)));
}
