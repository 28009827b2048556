import type { TaskKind } from '../data/task.js';
import type { DistillationLoss } from '../training/objectives.js';
import type { DistillOptions } from './distill-options.js';

/** How a student learns from its teacher. */
export interface Recipe {
  loss: DistillationLoss;
  temperature: number;
  /** Share of the teacher in the loss of a sample with a label: when training begins, and when it ends. */
  alpha: readonly [begin: number, end: number];
  /** Weight of the other classes in decoupled distillation. */
  beta: number;
}

const kd = (temperature: number, begin: number, end = begin): Omit<Recipe, 'beta'> => ({
  loss: 'kd',
  temperature,
  alpha: [begin, end],
});

/**
 * What is tried where nothing is said, those nearest to learning from labels alone first: a low temperature and a small
 * share of the teacher. High ones show more of how the teacher tells wrong classes apart; a share that falls to 0 leaves
 * the end of training to the labels. Where there is little to train on, the last are left out.
 */
const CANDIDATES: readonly Omit<Recipe, 'beta'>[] = [
  kd(1, 0.5),
  kd(2, 0.5),
  kd(2, 0.9, 0),
  kd(4, 0.5),
  kd(4, 0.9),
  kd(1, 1),
  { loss: 'dkd', temperature: 4, alpha: [0.5, 0.5] },
];

/** Options that say how a student learns. */
export type RecipeOptions = Pick<DistillOptions, 'loss' | 'temperature' | 'alpha' | 'beta'>;

/** True where nothing is said of how the student learns, so that it may learn without the teacher, too. */
export const isOpen = ({ loss, temperature, alpha, match }: RecipeOptions & Pick<DistillOptions, 'match'>): boolean =>
  loss === 'auto' && temperature === 'auto' && alpha === 'auto' && !match.length;

/**
 * The ways of learning that options leave open, without those that come to the same: one where options say all.
 * @param labelled whether samples have labels, of which the teacher could take a share.
 */
export function recipesOf(
  { loss, temperature, alpha, beta }: RecipeOptions,
  task: TaskKind,
  labelled: boolean,
): Recipe[] {
  const isDecoupled = (name: DistillationLoss) => name === 'dkd' && task === 'single-label';
  const recipes = CANDIDATES.map((candidate): Recipe => {
    const share = alpha === 'auto' ? candidate.alpha : ([alpha[0], alpha.at(-1)!] as const);
    return {
      loss: loss !== 'auto' ? loss : isDecoupled(candidate.loss) ? 'dkd' : 'kd',
      temperature: temperature === 'auto' ? candidate.temperature : temperature,
      alpha: labelled ? share : [1, 1],
      beta,
    };
  });
  return [...new Map(recipes.map((recipe) => [recipeText(recipe), recipe])).values()];
}

/** A way of learning in a few words: `kd, temperature 2, share 0.9 to 0`. */
export function recipeText({ loss, temperature, alpha: [begin, end], beta }: Recipe): string {
  const share = begin === end ? `${begin}` : `${begin} to ${end}`;
  return `${loss}, temperature ${temperature}, share ${share}${loss === 'dkd' ? `, beta ${beta}` : ''}`;
}
