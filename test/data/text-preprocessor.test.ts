import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createTextPreprocessor, type TextOptions } from '../../src/data/text-preprocessor.js';
import type { InputSpec } from '../../src/data/types.js';

const root = mkdtempSync(join(tmpdir(), 'nncompress-text-'));
afterAll(() => rmSync(root, { recursive: true }));

const TOKENIZER = {
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: { type: 'BertProcessing', cls: ['[C]', 1], sep: ['[S]', 2] },
  decoder: null,
  model: { type: 'WordLevel', unk_token: '?', vocab: { '?': 0, a: 3, b: 4, c: 5, d: 6, PAD: 9 } },
};
const PADDING = { strategy: 'BatchLongest', direction: 'Right', pad_id: 9, pad_type_id: 7, pad_token: 'PAD' };
const TRUNCATION = { direction: 'Right', strategy: 'LongestFirst', stride: 0 };

/** A folder with tokenizer.json, changed, and other files. */
function folder(tokenizer: Record<string, unknown> | undefined, files: Record<string, unknown> = {}): string {
  const path = mkdtempSync(join(root, 'model-'));
  const all = { ...(tokenizer && { 'tokenizer.json': { ...TOKENIZER, ...tokenizer } }), ...files };
  for (const [name, content] of Object.entries(all)) writeFileSync(join(path, name), JSON.stringify(content));
  return path;
}

const input = (name: string, type: InputSpec['type'] = 'int64', dims: InputSpec['dims'] = ['n', 't']): InputSpec => ({
  name,
  type,
  dims,
});
const text = (words: string, pair?: string) => ({ kind: 'text' as const, text: words, ...(pair && { pair }) });

/** The feeds of a batch as plain numbers, by input. */
async function feeds(dir: string, inputs: InputSpec[], texts: string[], options?: TextOptions) {
  const { prepare, collate } = await createTextPreprocessor(dir, inputs, options);
  const batch = collate(await Promise.all(texts.map((words) => prepare(text(words)))));
  return Object.fromEntries(
    Object.entries(batch).map(([name, { dims, data }]) => {
      const numbers = Array.from(data as ArrayLike<number>, Number);
      const rows = Array.from({ length: dims[0]! }, (_, row) => numbers.slice(row * dims[1]!, (row + 1) * dims[1]!));
      return [name, rows];
    }),
  );
}

describe('createTextPreprocessor', () => {
  it('fills the inputs that the model has, padded to the longest', async () => {
    const names = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'];
    const dir = folder({ padding: PADDING });
    expect(
      await feeds(
        dir,
        names.map((name) => input(name)),
        ['a', 'a b c'],
      ),
    ).toEqual({
      input_ids: [
        [1, 3, 2, 9, 9],
        [1, 3, 4, 5, 2],
      ],
      attention_mask: [
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1],
      ],
      token_type_ids: [
        [0, 0, 0, 7, 7],
        [0, 0, 0, 0, 0],
      ],
      position_ids: [
        [0, 1, 2, 0, 0],
        [0, 1, 2, 3, 4],
      ],
    });
  });

  it.each([
    ['ids', 'mask', 'segment_ids'],
    ['input_word_ids', 'input_mask', 'input_type_ids'],
    ['input.1', 'mask', 'token_type_ids'].with(0, 'tokens'),
  ])('knows the names %s, %s, %s and their types', async (ids, mask, types) => {
    const { prepare } = await createTextPreprocessor(folder({}), [
      input(ids!, 'int32'),
      input(mask!, 'int32'),
      input(types!, 'int64'),
    ]);
    const prepared = await prepare(text('a', 'b'));
    expect(prepared[ids!]).toEqual({ type: 'int32', dims: [5], data: Int32Array.of(1, 3, 2, 4, 2) });
    expect(prepared[mask!]!.data).toEqual(Int32Array.of(1, 1, 1, 1, 1));
    expect(prepared[types!]!.data).toEqual(BigInt64Array.of(0n, 0n, 0n, 1n, 1n));
  });

  it('takes an only input for the ids, whatever its name', async () => {
    expect(await feeds(folder({ padding: PADDING }), [input('embedding_input')], ['a'])).toEqual({
      embedding_input: [[1, 3, 2]],
    });
  });

  it('pads on the left, and to a multiple', async () => {
    const padding = { ...PADDING, direction: 'Left', pad_to_multiple_of: 4 };
    expect(await feeds(folder({ padding }), [input('ids')], ['a', 'a b c'])).toEqual({
      ids: [
        [9, 9, 9, 9, 9, 1, 3, 2],
        [9, 9, 9, 1, 3, 4, 5, 2],
      ],
    });
  });

  it('cuts and pads to the length that the model fixes', async () => {
    const inputs = [input('ids', 'int64', ['n', 4])];
    expect(await feeds(folder({ padding: PADDING }), inputs, ['a', 'a b c d'])).toEqual({
      ids: [
        [1, 3, 2, 9],
        [1, 3, 4, 2],
      ],
    });
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>, TextOptions, number[]]>([
    ['tokenizer.json', { truncation: { ...TRUNCATION, max_length: 4 } }, { model_max_length: 3 }, {}, [1, 3, 4, 2]],
    ['tokenizer_config.json', {}, { model_max_length: 3 }, {}, [1, 3, 2]],
    ['its side', {}, { model_max_length: 3, truncation_side: 'left' }, {}, [1, 6, 2]],
    ['no limit', {}, { model_max_length: 1e30 }, {}, [1, 3, 4, 5, 6, 2]],
    ['an option', { truncation: { ...TRUNCATION, max_length: 5 } }, {}, { maxLength: 4 }, [1, 3, 4, 2]],
    ['padding to the limit', {}, {}, { maxLength: 8, padding: 'max' }, [1, 3, 4, 5, 6, 2, 9, 9]],
    ['fixed padding', { padding: { ...PADDING, strategy: { Fixed: 7 } } }, {}, {}, [1, 3, 4, 5, 6, 2, 9]],
    [
      'the longest after all',
      { padding: { ...PADDING, strategy: { Fixed: 7 } } },
      {},
      { padding: 'longest' },
      [1, 3, 4, 5, 6, 2],
    ],
  ])('takes lengths from %s', async (_, tokenizer, config, options, ids) => {
    const dir = folder({ padding: PADDING, ...tokenizer }, { 'tokenizer_config.json': config });
    expect(await feeds(dir, [input('ids')], ['a b c d'], options)).toEqual({ ids: [ids] });
  });

  it.each<[string, Record<string, unknown>]>([
    ['tokenizer_config.json', { 'tokenizer_config.json': { pad_token: 'PAD' } }],
    ['special_tokens_map.json', { 'special_tokens_map.json': { pad_token: { content: 'PAD' } } }],
    ['config.json', { 'config.json': { pad_token_id: 9 } }],
  ])('takes the padding token from %s', async (_, files) => {
    expect(await feeds(folder({}, files), [input('ids')], ['a', 'a b'])).toEqual({
      ids: [
        [1, 3, 2, 9],
        [1, 3, 4, 2],
      ],
    });
  });

  it('finds the tokenizer above a folder named onnx', async () => {
    const dir = folder({ padding: PADDING });
    mkdirSync(join(dir, 'onnx'));
    expect(await feeds(join(dir, 'onnx'), [input('ids')], ['a'])).toEqual({ ids: [[1, 3, 2]] });
  });

  it('hands texts to a model that takes strings', async () => {
    const { prepare, collate } = await createTextPreprocessor(root, [
      input('x', 'string', ['n', 1]),
      input('y', 'string', ['n']),
    ]);
    const batch = collate([await prepare(text('a', 'b')), await prepare(text('c', 'd'))]);
    expect(batch).toEqual({
      x: { type: 'string', dims: [2, 1], data: ['a', 'c'] },
      y: { type: 'string', dims: [2], data: ['b', 'd'] },
    });
    expect(() => prepare(text('a'))).toThrow("has one text, input 'y' takes another");
  });

  it.each<[string, string, InputSpec[], TextOptions, RegExp]>([
    ['no tokenizer', folder(undefined), [input('ids')], {}, /holds no tokenizer.json; put the tokenizer.json/],
    ['an unknown input', folder({}), [input('ids'), input('pixels')], {}, /input 'pixels' is none that a text fills/],
    ['a role twice', folder({}), [input('ids'), input('input_ids')], {}, /'input_ids' holds the same as input 'ids'/],
    ['no ids', folder({}), [input('mask'), input('position_ids')], {}, /no input holds token ids/],
    ['a shape', folder({}), [input('ids', 'int64', ['n', 1, 't'])], {}, /'ids' is int64 \[n, 1, t\], tokens are/],
    ['no padding token', folder({}), [input('ids')], {}, /tokenizer.json: names no padding token/],
    ['no length', folder({ padding: PADDING }), [input('ids')], { padding: 'max' }, /how many tokens to pad to/],
    [
      'a length too great',
      folder({}),
      [input('ids', 'int64', ['n', 4])],
      { maxLength: 5 },
      /5 tokens are more than the 4/,
    ],
  ])('refuses %s', async (_, dir, inputs, options, message) => {
    await expect(createTextPreprocessor(dir, inputs, options)).rejects.toThrow(message);
  });

  it('tells which tokens are special, and what hides others', async () => {
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    const added = [{ id: 7, content: '[MASK]', special: true, ...plain }];
    const model = { ...TOKENIZER.model, vocab: { ...TOKENIZER.model.vocab, '[MASK]': 7 } };
    const names = ['input_ids', 'position_ids'].map((name) => input(name));
    const dir = folder({ padding: PADDING, added_tokens: added, model });
    expect((await createTextPreprocessor(dir, names)).form).toEqual({
      kind: 'tokens',
      ids: 'input_ids',
      positions: 'position_ids',
      specials: new Set([7, 1, 2]),
      mask: 7,
      unknown: 0,
    });
    const { text } = await createTextPreprocessor(dir, names);
    expect(text).toMatchObject({ ids: 'input_ids', mask: undefined, padding: { id: 9, side: 'right' } });
    expect(text!.vocabulary()).toBe(10);
    const named = folder({ padding: PADDING }, { 'special_tokens_map.json': { mask_token: { content: 'd' } } });
    expect((await createTextPreprocessor(named, names)).form).toMatchObject({ mask: 6, unknown: 0 });
  });

  it('refuses a text without tokens', async () => {
    const { prepare } = await createTextPreprocessor(folder({ padding: PADDING, post_processor: null }), [
      input('ids'),
    ]);
    await expect(prepare(text(' '))).rejects.toThrow('gives no tokens');
  });
});
