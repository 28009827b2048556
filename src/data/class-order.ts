import { UserError } from '../errors.js';
import { nameLookup } from './labels.js';

/** True where classes have no names but their numbers. */
const areNumbers = (classes: readonly string[]) => classes.every((name, index) => name === String(index));

/**
 * The place of each class among another model's classes: of the same name (exactly, else without case, spaces,
 * underscores and hyphens), or the same place where one of the two has no names and both have as many.
 * @throws UserError naming the first class that the other model does not know
 */
export function classOrder(classes: readonly string[], others: readonly string[]): number[] {
  const places = classes.map(nameLookup(others));
  const missing = places.indexOf(undefined);
  if (missing < 0) return places as number[];
  if (classes.length === others.length && (areNumbers(classes) || areNumbers(others)))
    return classes.map((_, index) => index);
  throw new UserError(`knows no class '${classes[missing]}', but ${some(others)}`, {
    mend: 'name the classes of both models alike, in labels.txt or config.json beside each',
  });
}

const some = (names: readonly string[]) => `${names.slice(0, 5).join(', ')}${names.length > 5 ? ' …' : ''}`;

/** Rows of scores with the columns in another order. */
export function reorderScores(scores: Float32Array, width: number, order: readonly number[]): Float32Array {
  const rows = scores.length / width;
  const ordered = new Float32Array(rows * order.length);
  for (let row = 0; row < rows; row++)
    for (const [column, from] of order.entries()) ordered[row * order.length + column] = scores[row * width + from]!;
  return ordered;
}
