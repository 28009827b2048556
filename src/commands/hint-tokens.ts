import { UserError } from '../errors.js';
import type { TokenFit } from '../evaluate/teacher-values.js';
import { sumOf } from '../group.js';
import type { NamedValues } from '../ir/types.js';
import type { Side } from './hint-search.js';

/** How texts are cut into tokens, the same way for a student and its teacher. */
export interface SharedTokens {
  /** Input of the student that holds the token ids. */
  ids: string;
  /** Mean length of texts. */
  mean: number;
}

/** Texts whose tokens are compared. */
const COMPARED = 256;

/**
 * Makes sure that a student and its teacher take the same tokens.
 * @throws UserError naming a text that they take otherwise
 */
export async function sharedTokens(student: Side, teacher: Side, indices: readonly number[]): Promise<SharedTokens> {
  const [own, taught] = [tokensOf(student), tokensOf(teacher)];
  const { dataset } = student.data;
  const lengths: number[] = [];
  for (const index of evenly(indices, COMPARED)) {
    const sample = await dataset.load(index);
    const [ours, theirs] = await Promise.all(
      [own, taught].map(async ({ ids, prepare }) => Array.from((await prepare(sample))[ids]!.data, Number)),
    );
    lengths.push(ours!.length);
    if (ours!.join() === theirs!.join()) continue;
    const counts = `${theirs!.length} for ${dataset.describe(index)}, the student ${ours!.length}`;
    throw new UserError(`takes other tokens than the student: ${counts}`, {
      file: teacher.path,
      mend: 'match relations; hidden-states and attentions need one tokenizer and one --max-length',
    });
  }
  return { ids: own.ids, mean: sumOf(lengths, (length) => length) / lengths.length };
}

function tokensOf({ path, data: { preprocessor } }: Side) {
  const { form } = preprocessor;
  if (form?.kind === 'tokens') return { ids: form.ids, prepare: preprocessor.prepare };
  throw new UserError('takes texts whole, so that its tokens are unknown', { file: path, mend: 'match relations' });
}

/** The input that is 0 for what fills a text up, of the shape of the token ids; undefined where there is none. */
export function maskOf(feeds: NamedValues, { ids }: SharedTokens): string | undefined {
  return Object.keys(feeds).find((name) => /mask/i.test(name) && feeds[name]!.dims.join() === feeds[ids]!.dims.join());
}

/** The length of a batch's texts, and the side on which shorter ones are filled up. */
export function fitOf(feeds: NamedValues, { ids }: SharedTokens, mask: string | undefined): TokenFit {
  const tokens = feeds[ids]!.dims[1]!;
  const values = mask === undefined ? [] : feeds[mask]!.data;
  const firsts = Array.from({ length: values.length / tokens }, (_, row) => Number(values[row * tokens]));
  return { tokens, side: firsts.includes(0) ? 'left' : 'right' };
}

/** At most so many of some samples, from all over them. */
export const evenly = (indices: readonly number[], most: number): number[] =>
  indices.filter((_, k) => k % Math.ceil(indices.length / most) === 0);
