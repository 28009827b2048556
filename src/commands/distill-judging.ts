import type { Target } from '../evaluate/classification.js';
import type { Evaluation } from '../evaluate/evaluate-models.js';
import { predictionPoweredAccuracy } from '../evaluate/prediction-powered.js';
import type { TeacherScores } from './distill-teachers.js';

/** What is known of samples: the classes of those with a label, and what the teachers take each of them for. */
export interface KnownClasses {
  targets: readonly Target[];
  scores: Pick<TeacherScores, 'classes' | 'lacks'>;
}

/**
 * Accuracy of a student on samples of which only some have a label: the teacher stands in for the others, as far as it
 * can be trusted.
 */
export function accuracyOf({ classifications, indices }: Evaluation, { targets, scores }: KnownClasses): number {
  const [classification] = classifications!;
  const { predictions } = classification!;
  if (indices.every((index) => targets[index] !== undefined)) return classification!.result().accuracy;
  const labelled: [number, number][] = [];
  const unlabelled: number[] = [];
  for (const [sample, index] of indices.entries()) {
    const predicted = predictions.predictedClasses(sample);
    const right = (target: Target) => Number(isSame(predicted, [target ?? []].flat()));
    const target = targets[index];
    const lacks = scores.lacks(index);
    if (target !== undefined) labelled.push([right(target), lacks ? 0 : right(scores.classes(index))]);
    else if (!lacks) unlabelled.push(right(scores.classes(index)));
  }
  return predictionPoweredAccuracy({ labelled, unlabelled });
}

const isSame = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((value) => b.includes(value));
