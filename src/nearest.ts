import { closestMatch } from 'leven';

/** Most edits, as a share of its letters, at which another word counts as what was meant. */
const MOST_EDITS = 0.4;
/** Most words that are listed where none is near. */
const MOST_LISTED = 12;

/** The word that was probably meant; case, hyphens and underscores do not count. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_\s]/g, '');
  const byPlain = new Map(candidates.map((candidate) => [plain(candidate), candidate]));
  const maxDistance = Math.max(1, Math.floor(word.length * MOST_EDITS));
  const found = closestMatch(plain(word), [...byPlain.keys()], { maxDistance });
  return found === undefined ? undefined : byPlain.get(found);
}

/**
 * `; did you mean maxDrop?`, or a list of what there is where nothing is near.
 * @param renamed further candidates and what to call them.
 */
export function didYouMean(
  word: string,
  candidates: readonly string[],
  renamed: Readonly<Record<string, string>> = {},
): string {
  const found = nearest(word, [...candidates, ...Object.keys(renamed)]);
  if (found !== undefined) return `; did you mean ${renamed[found] ?? found}?`;
  return candidates.length > MOST_LISTED ? '' : `; known are ${candidates.join(', ')}`;
}
