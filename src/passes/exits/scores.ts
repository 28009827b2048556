import { Emitter } from '../../ir/emitter.js';
import type { Model } from '../../ir/model.js';
import { Tensor } from '../../ir/tensor.js';
import { DATA_TYPES } from '../../ir/types.js';
import type { RowAxes } from './stages.js';
import { logarithms, type ScoreForm } from './uncertainty.js';

/** How a model's scores differ from those that are wanted. */
export interface ScoreSource {
  value: string;
  /** Number of its axes, where it is known. */
  rank?: number | undefined;
  probabilities: boolean;
  /** The place of each wanted class among these scores; the same places where absent. */
  order?: readonly number[] | undefined;
}

/**
 * Emits scores in the form of those of a model's output: classes in its order, logits or probabilities as it gives, of its
 * shape and type.
 * @returns the name of the value
 */
export function likeOutput(
  model: Model,
  { value, rank, probabilities, order }: ScoreSource,
  output: string,
  form: ScoreForm,
  axes: RowAxes,
): string {
  const g = new Emitter(model, `${value}/scores`);
  const floats = g.cast(value, DATA_TYPES.float32.code);
  const rows = rank === 2 ? floats : g.op('Flatten', [floats], { axis: 1 });
  const moves = order && (order.length !== form.width || order.some((place, k) => place !== k));
  const places = moves && g.constant(Tensor.from('classes', 'int64', [order.length], order as number[]));
  const ordered = places ? g.op('Gather', [rows, places], { axis: 1 }) : rows;
  const typed = sameKind(g, ordered, probabilities, form);
  const [, ...dims] = axes.dimsOf(output) ?? [undefined, form.width];
  const sizes = dims.map((size) => (typeof size === 'number' ? size : form.width));
  const shaped = sizes.length === 1 ? typed : g.reshape(typed, [-1, ...sizes]);
  return axes.typeOf(output) === 'float32' ? shaped : g.cast(shaped, DATA_TYPES[axes.typeOf(output)!].code);
}

function sameKind(g: Emitter, scores: string, probabilities: boolean, form: ScoreForm): string {
  if (probabilities === form.probabilities) return scores;
  if (probabilities) return logarithms(g, scores, form.kind);
  return form.kind === 'single-label' ? g.op('Softmax', [scores], { axis: -1 }) : g.op('Sigmoid', [scores]);
}
