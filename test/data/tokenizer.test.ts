import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type Truncation } from '../../src/data/tokenizer.js';

/** What recorded/tokenizers.py wrote: ids and types per text. */
interface Recorded {
  texts: string[];
  pairs: [string, string][];
  kinds: { name: string; tokenizer: Record<string, unknown>; single: number[][][]; pair: number[][][] }[];
}

const { texts, pairs, kinds }: Recorded = JSON.parse(
  readFileSync(new URL('./recorded/tokenizers.json', import.meta.url), 'utf8'),
);

const letters = 'abcdefgh';
/** Words of one letter, a = 3 … h = 10, between [C] and [S]. */
const LETTERS = {
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: { type: 'BertProcessing', cls: ['[C]', 1], sep: ['[S]', 2] },
  decoder: null,
  model: { type: 'WordLevel', unk_token: '?', vocab: Object.fromEntries([...`?12${letters}`].map((l, id) => [l, id])) },
};
const load = (value: Record<string, unknown>) => loadTokenizer({ path: 'tokenizer.json', value });

describe('loadTokenizer', () => {
  describe.each(kinds)('$name', ({ tokenizer, single, pair }) => {
    it('gives the ids and types of the Rust library', async () => {
      const { encode } = await load(tokenizer);
      for (const [at, text] of texts.entries()) {
        const { ids, types } = encode(text, undefined, undefined);
        expect([text, ids, types]).toEqual([text, ...single[at]!]);
      }
      for (const [at, [first, second]] of pairs.entries()) {
        const { ids, types } = encode(first, second, undefined);
        expect([first, second, ids, types]).toEqual([first, second, ...pair[at]!]);
      }
    });
  });

  it.each<[Truncation, string | undefined, number[]]>([
    [{ max_length: 4 }, undefined, [1, 3, 4, 2]],
    [{ max_length: 4, direction: 'Left' }, undefined, [1, 6, 7, 2]],
    [{ max_length: 7, strategy: 'LongestFirst' }, 'f g h', [1, 3, 4, 2, 8, 9, 2]],
    [{ max_length: 8, strategy: 'OnlyFirst' }, 'f g h', [1, 3, 4, 2, 8, 9, 10, 2]],
    [{ max_length: 9, strategy: 'OnlySecond' }, 'f g h', [1, 3, 4, 5, 6, 7, 2, 8, 2]],
  ])('cuts before special tokens: %j with %j', async (truncation, pair, ids) => {
    const { encode } = await load(LETTERS);
    expect(encode('a b c d e', pair, truncation).ids).toEqual(ids);
  });

  it('says where a length has no room', async () => {
    const { encode } = await load(LETTERS);
    expect(() => encode('a', undefined, { max_length: 1 })).toThrow('1 tokens have no room for 2 special tokens');
    expect(() => encode('a', 'b c', { max_length: 3, strategy: 'OnlyFirst' })).toThrow(
      "too long to be cut as 'OnlyFirst'",
    );
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'a pre-tokenizer',
      { pre_tokenizer: { type: 'UnicodeScripts' } },
      /pre_tokenizer 'UnicodeScripts' is not supported/,
    ],
    ['a normalizer', { normalizer: { type: 'Nmt' } }, /normalizer 'Nmt' is not supported/],
    ['a post-processor', { post_processor: { type: 'Odd' } }, /post_processor 'Odd' is not supported/],
    ['random BPE', { model: { type: 'BPE', vocab: {}, merges: [], dropout: 0.1 } }, /BPE with dropout/],
    ['no model', { model: undefined }, /^tokenizer.json: is no tokenizer/],
  ])('refuses %s that it cannot reproduce', async (_, change, message) => {
    await expect(load({ ...LETTERS, ...change })).rejects.toThrow(message);
  });
});
