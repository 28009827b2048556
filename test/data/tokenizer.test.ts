import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createEncoder, loadTokenizer, type Truncation } from '../../src/data/tokenizer.js';

const folder = mkdtempSync(join(tmpdir(), 'nncompress-tokenizer-'));
afterAll(() => rmSync(folder, { recursive: true }));

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
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: { type: 'BertProcessing', cls: ['[C]', 1], sep: ['[S]', 2] },
  decoder: null,
  model: { type: 'WordLevel', unk_token: '?', vocab: Object.fromEntries([...`?12${letters}`].map((l, id) => [l, id])) },
};

async function load(value: Record<string, unknown>) {
  const path = join(folder, 'tokenizer.json');
  writeFileSync(path, JSON.stringify(value));
  return loadTokenizer({ path, value });
}

describe('createEncoder', () => {
  it.each(kinds)('gives the recorded ids and types: $name', async ({ tokenizer, single, pair }) => {
    const encode = await createEncoder(await load(tokenizer), undefined);
    const plain = async (...text: [string, string?]) => {
      const { ids, types } = await encode(...text);
      return [ids, types];
    };
    expect(await Promise.all(texts.map((text) => plain(text)))).toEqual(single);
    expect(await Promise.all(pairs.map((texts) => plain(...texts)))).toEqual(pair);
  });

  it.each<[Truncation, string | undefined, number[]]>([
    [{ max_length: 4 }, undefined, [1, 3, 4, 2]],
    [{ max_length: 4, direction: 'Left' }, undefined, [1, 6, 7, 2]],
    [{ max_length: 7, strategy: 'LongestFirst' }, 'f g h', [1, 3, 4, 2, 8, 9, 2]],
    [{ max_length: 8, strategy: 'OnlyFirst' }, 'f g h', [1, 3, 4, 2, 8, 9, 10, 2]],
    [{ max_length: 9, strategy: 'OnlySecond' }, 'f g h', [1, 3, 4, 5, 6, 7, 2, 8, 2]],
  ])('cuts before special tokens: %j with %j', async (truncation, pair, ids) => {
    const encode = await createEncoder(await load(LETTERS), truncation);
    expect((await encode('a b c d e', pair)).ids).toEqual(ids);
  });

  it('neither cuts nor pads as the file says', async () => {
    const padding = { strategy: { Fixed: 9 }, direction: 'Right', pad_id: 0, pad_type_id: 0, pad_token: '?' };
    const truncation = { max_length: 3, strategy: 'LongestFirst', stride: 0, direction: 'Right' };
    const encode = await createEncoder(await load({ ...LETTERS, padding, truncation }), undefined);
    expect((await encode('a b c')).ids).toEqual([1, 3, 4, 5, 2]);
  });

  it('says where a length has no room', async () => {
    const tokenizer = await load(LETTERS);
    const encode = await createEncoder(tokenizer, { max_length: 2 });
    expect((await encode('a')).ids).toEqual([1, 2]);
    await expect(encode('a', 'b')).rejects.toThrow('2 tokens have no room for 3 special tokens');
    const cutFirst = await createEncoder(tokenizer, { max_length: 4, strategy: 'OnlyFirst' });
    await expect(cutFirst('a', 'b c')).rejects.toThrow('cannot be tokenized: Truncation error');
  });
});

describe('loadTokenizer', () => {
  const fixedLength = { type: 'FixedLength', length: 0 };
  const template = [{ SpecialToken: { id: '[X]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'random BPE',
      { model: { type: 'BPE', vocab: {}, merges: [], dropout: 0.1 } },
      /model.dropout: splits words at ran/,
    ],
    ['no model', { model: undefined }, /tokenizer.json: is no tokenizer: Model missing/],
    ['an unknown post-processor', { post_processor: { type: 'Odd' } }, /is no tokenizer: .*PostProcessorWrapper/],
    ['a damaged charsmap', { normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } }, /Cannot parse/],
    ['pieces of no length', { pre_tokenizer: fixedLength }, /tokenizer.json: is no tokenizer: chunk size must be non-/],
    [
      'a template of unknown tokens',
      { post_processor: { type: 'TemplateProcessing', single: template, pair: template, special_tokens: {} } },
      /is no tokenizer: .*; save it anew/,
    ],
  ])('refuses %s', async (_, change, message) => {
    await expect(load({ ...LETTERS, ...change })).rejects.toThrow(message);
  });

  it('says where the library does not run', () => {
    const module = fileURLToPath(new URL('../../dist/data/tokenizer.js', import.meta.url));
    const script = `import(${JSON.stringify(module)}).then((m) => m.loadTokenizer({})).catch((e) => console.log(e.message))`;
    const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: '/missing.node' }; // as where there is no build
    expect(execFileSync(process.execPath, ['-e', script], { env, encoding: 'utf8' })).toMatch(
      /^tokenizers: does not load on \w+ \w+: .*; install anew, on Linux, macOS or Windows on x64 or arm64, or give/,
    );
  });
});
