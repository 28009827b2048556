import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openText } from '../../src/data/text-source.js';

const root = mkdtempSync(join(tmpdir(), 'nncompress-texts-'));
afterAll(() => rmSync(root, { recursive: true }));

function file(name: string, content: string): string {
  writeFileSync(join(root, name), content);
  return join(root, name);
}

describe('openText', () => {
  it('finds the columns by their usual names', async () => {
    const texts = await openText(file('a.csv', 'id,Utterance,intent\n1,"hello, you",greet\n2,bye,leave\n'));
    expect(texts).toMatchObject({ kind: 'text', size: 2, classNames: ['greet', 'leave'] });
    expect([texts.label(1), texts.describe(1)]).toEqual(['leave', 'line 3']);
    expect(await texts.load(0)).toEqual({ kind: 'text', text: 'hello, you' });
  });

  it.each([
    ['premise', 'hypothesis'],
    ['question1', 'question2'],
    ['sentence1', 'sentence2'],
    ['text_a', 'text_b'],
  ])('takes %s and %s together', async (first, second) => {
    const texts = await openText(file('pair.jsonl', JSON.stringify({ [second]: 'b', [first]: 'a', label: 0 })));
    expect(await texts.load(0)).toEqual({ kind: 'text', text: 'a', pair: 'b' });
    expect(texts.label(0)).toBe(0);
  });

  it('takes the columns that options name', async () => {
    const options = { textColumn: 'x', pairColumn: 'y', labelColumn: 'z' };
    const texts = await openText(file('named.tsv', 'z\ty\tx\n0\tb\ta\n'), options);
    expect(await texts.load(0)).toEqual({ kind: 'text', text: 'a', pair: 'b' });
    expect(texts.label(0)).toBe('0');
  });

  it('takes the only column beside the labels, and texts without labels', async () => {
    expect(await (await openText(file('only.csv', 'v1,label\nhi,ham\n'))).load(0)).toMatchObject({ text: 'hi' });
    expect((await openText(file('bare.csv', 'text\nhi\n'))).label(0)).toBeUndefined();
  });

  it('opens a folder of text files', async () => {
    for (const name of ['neg', 'pos']) mkdirSync(join(root, 'reviews', name), { recursive: true });
    file('reviews/neg/1.txt', 'bad\n');
    file('reviews/pos/2.txt', 'good');
    const texts = await openText(join(root, 'reviews'));
    expect(texts).toMatchObject({ kind: 'text', size: 2, classNames: ['neg', 'pos'] });
    expect([await texts.load(0), texts.describe(1)]).toEqual([{ kind: 'text', text: 'bad' }, 'pos/2.txt']);
  });

  it.each([
    [
      'two.csv',
      'text,sentence,label\na,b,c\n',
      /'text' or 'sentence' may be meant; it has 'text', 'sentence', 'label'.*--text-column/,
    ],
    ['labels.csv', 'text,label,category\na,b,c\n', /'label' or 'category' may be meant.*--label-column/],
    ['none.csv', 'x,y,z\n1,2,3\n', /no column is named text.*it has 'x', 'y', 'z'/],
  ])('does not guess: %s', async (name, content, message) => {
    await expect(openText(file(name, content))).rejects.toThrow(message);
  });

  it('says which row holds no text', async () => {
    const texts = await openText(file('hole.jsonl', '{"text": "a"}\n{"text": null}\n'));
    await expect(texts.load(1)).rejects.toThrow(/hole.jsonl: line 2: column 'text' holds null/);
  });
});
