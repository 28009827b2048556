import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { cellLabel, classNamesOf, findColumn, readTable, requireColumn } from '../../src/data/manifest.js';
import { scratch } from './scratch.js';

const file = scratch();

describe('readTable', () => {
  it('reads CSV with quotes, line breaks in cells and blank lines, and knows the lines', async () => {
    const table = await readTable(file('a.csv', '\ufefftext,label\n"a, ""b""\nc",x\n\nd,y'));
    expect(table.columns).toEqual(['text', 'label']);
    expect(table.rows).toEqual([
      { text: 'a, "b"\nc', label: 'x' },
      { text: 'd', label: 'y' },
    ]);
    expect([table.where(0), table.where(1)]).toEqual(['line 2', 'line 5']);
  });

  it.each([
    ['semicolon.csv', 'text;label\na,b;x\n'],
    ['tab.csv', 'text\tlabel\na,b\tx\n'],
    ['tab.tsv', 'text\tlabel\na,b\tx\n'],
    ['crlf.tsv', 'text\tlabel\r\na,b\tx\r\n'],
    ['lines.jsonl', '{"text": "a,b", "label": "x"}\n'],
  ])('finds the separator of %s', async (name, content) => {
    expect((await readTable(file(name, content))).rows).toEqual([{ text: 'a,b', label: 'x' }]);
  });

  it('takes the separator given, packed files, and UTF-16', async () => {
    expect((await readTable(file('pipe.csv', 'a|b\n1,2|3\n'), { delimiter: '|' })).rows).toEqual([
      { a: '1,2', b: '3' },
    ]);
    expect((await readTable(file('packed.csv.gz', gzipSync('a,b\n1,2\n')))).rows).toEqual([{ a: '1', b: '2' }]);
    expect((await readTable(file('wide.csv', Buffer.from('\ufeffa,b\n1,ü\n', 'utf16le')))).rows).toEqual([
      { a: '1', b: 'ü' },
    ]);
  });

  it('keeps lone quotes in TSV, which has no quoting of its own', async () => {
    expect((await readTable(file('inch.tsv', 'text\tlabel\n5" pipe\tx\n'))).rows).toEqual([
      { text: '5" pipe', label: 'x' },
    ]);
  });

  it('joins the columns of JSON lines', async () => {
    const table = await readTable(file('joined.jsonl', '{"a": 1}\n\n{"b": ["x"]}'));
    expect(table.columns).toEqual(['a', 'b']);
    expect(table.where(1)).toBe('line 3');
  });

  it.each([
    ['open.csv', 'a,b\n1,"2\n3,4\n', /open.csv: line 3: .*opening quote.*; close the quote$/],
    ['inner.csv', 'a,b\n1,2"x\n', /inner.csv: line 2: .*quote.*; put the whole cell in quotes/],
    ['after.csv', 'a,b\n1,"2"x\n', /after.csv: line 2: .*; double the quotes inside the cell$/],
    ['long.csv', 'a,b\n1,2,3\n', /long.csv: line 2: .*length is 2, got 3/],
    ['twice.csv', 'a,a\n1,2\n', /twice.csv: line 1: two columns are named 'a'/],
    ['header.csv', 'a,b\n', /header.csv: has no rows/],
    ['nothing.csv', '', /nothing.csv: has no rows/],
    ['latin.csv', Buffer.from('a,b\n\xe9,2\n', 'latin1'), /latin.csv: is not UTF-8 text; save it as UTF-8/],
    ['cut.csv.gz', gzipSync('a,b\n1,2\n').subarray(0, 20), /cut.csv.gz: is damaged or not gzip/],
    ['bad.jsonl', '{"a": 1}\n{"a": \n', /bad.jsonl: line 2: is not JSON/],
    ['list.jsonl', '[1]\n', /list.jsonl: line 1: is not an object/],
    ['x.xlsx', '', /x.xlsx: is not a table; give a .csv, .tsv, .jsonl/],
  ])('refuses %s', async (name, content, message) => {
    await expect(readTable(file(name, content))).rejects.toThrow(message);
  });
});

describe('findColumn', () => {
  const table = { path: 't.csv', columns: ['ID', 'Sentence', 'tag'], header: 'line 1', rows: [], where: () => '' };

  it('prefers the option, then the usual names in any case', () => {
    expect(findColumn(table, ['text', 'sentence'])).toBe('Sentence');
    expect(findColumn(table, ['text'], 'tag')).toBe('tag');
    expect(findColumn(table, ['label'])).toBeUndefined();
  });

  it('names the columns that there are', () => {
    expect(() => findColumn(table, [], 'x')).toThrow("t.csv: has no column 'x'; it has 'ID', 'Sentence', 'tag'");
    expect(() => requireColumn(table, ['text'], undefined, '--text-column')).toThrow(
      "t.csv: line 1: no column is named text; it has 'ID', 'Sentence', 'tag'; name the column with --text-column",
    );
  });
});

describe('cellLabel', () => {
  const place = { file: 't.csv', where: 'line 2' };
  it.each([
    ['dog', 'dog'],
    [' dog ', 'dog'],
    [3, 3],
    ['3', '3'],
    [true, 1],
    ['', undefined],
    [null, undefined],
    ['a; b', ['a', 'b']],
    ['a;', ['a']],
    ['["a", "b"]', ['a', 'b']],
    ['[]', []],
    ['[odd]', '[odd]'],
    [
      ['a', 2],
      ['a', 2],
    ],
  ])('reads %j as %j', (cell, label) => {
    expect(cellLabel(cell, place)).toEqual(label);
  });

  it('refuses objects', () => {
    expect(() => cellLabel({ a: 1 }, place)).toThrow('t.csv: line 2: {"a":1} is not a label');
  });
});

describe('classNamesOf', () => {
  it('gives sorted names, and none where labels are indices', () => {
    expect(classNamesOf(['b', ['a', 'B'], undefined])).toEqual(['B', 'a', 'b']);
    expect(classNamesOf(['1', '0', 3])).toBeUndefined();
  });
});
