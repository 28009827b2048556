import { extname } from 'node:path';
import { messageOf, UserError } from '../errors.js';
import { readText } from './files.js';
import type { RawLabel } from './types.js';

/** The columns of a table. */
export interface TableHead {
  path: string;
  /** Column names in the order of the file. */
  columns: readonly string[];
  /** Where the file names its columns, for messages: `line 1`. */
  header?: string | undefined;
}

/** A table with named columns. */
export interface Table extends TableHead {
  /** Cells by column name: strings in CSV and TSV, any JSON value in JSONL. */
  rows: readonly Record<string, unknown>[];
  /** Where a row lies, for messages: `line 3`, counted from 1. */
  where(row: number): string;
}

type TableReader = (path: string, text: string, delimiter: string | undefined) => Promise<Table>;

const READERS: Record<string, TableReader> = {
  '.csv': readCsv,
  '.tsv': (path, text, delimiter) => readCsv(path, text, delimiter ?? '\t'),
  '.jsonl': readJsonLines,
  '.ndjson': readJsonLines,
};

/** File name endings that {@link readTable} reads; each may be followed by `.gz`. */
export const TABLE_ENDINGS: readonly string[] = Object.keys(READERS);

function tableEnding(path: string): string {
  return extname(path.toLowerCase().replace(/\.gz$/, ''));
}

/** True where a file's name says that it is a table. */
export function isTable(path: string): boolean {
  return tableEnding(path) in READERS;
}

/**
 * Reads a CSV (RFC 4180), TSV or JSON Lines file. The first line of a CSV or TSV file names its columns.
 * @throws UserError naming the line where quotes are broken, rows differ in length or JSON is malformed, and where the
 * table has no rows.
 */
export async function readTable(path: string, options: { delimiter?: string | undefined } = {}): Promise<Table> {
  const read = READERS[tableEnding(path)];
  if (!read) throw new UserError(`is not a table`, { file: path, mend: `give a ${TABLE_ENDINGS.join(', ')} file` });
  const table = await read(path, await readText(path), options.delimiter);
  if (table.rows.length === 0) throw new UserError('has no rows', { file: path, mend: 'give at least one sample' });
  return table;
}

/** The separator of a header line: the most frequent of comma, semicolon and tab; a comma where there is none. */
function delimiterOf(text: string): string {
  const header = text.slice(0, (text.search(/[\r\n]/) + 1 || text.length + 1) - 1).replace(/"[^"]*"/g, '');
  const counts = [',', ';', '\t'].map((mark) => ({ mark, count: header.split(mark).length - 1 }));
  return counts.reduce((best, next) => (next.count > best.count ? next : best)).mark;
}

const CSV_MENDS: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'close the quote',
  INVALID_OPENING_QUOTE: 'put the whole cell in quotes and double the quotes inside it',
  CSV_INVALID_CLOSING_QUOTE: 'double the quotes inside the cell',
  CSV_RECORD_INCONSISTENT_COLUMNS: 'put cells that hold the separator in quotes',
};

async function readCsv(path: string, text: string, delimiter = delimiterOf(text)): Promise<Table> {
  const { parse } = await import('csv-parse/sync');
  let columns: string[] = [];
  const lines: number[] = [];
  let seen = { lines: 1, empty: 0 };
  try {
    const rows = parse(text, {
      delimiter,
      columns: (header: string[]) => {
        columns = header.map((name) => name.trim());
        return columns;
      },
      skip_empty_lines: true,
      relax_quotes: delimiter === '\t',
      on_record: (record: Record<string, string>, info) => {
        lines.push(seen.lines + (info.empty_lines - seen.empty) + 1);
        seen = { lines: info.lines, empty: info.empty_lines };
        return record;
      },
    }) as Record<string, unknown>[];
    const twice = columns.find((name, index) => columns.indexOf(name) !== index);
    if (twice !== undefined) throw new UserError(`two columns are named '${twice}'`, { file: path, where: 'line 1' });
    return { path, columns, header: 'line 1', rows, where: (row) => `line ${lines[row]}` };
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code = '', lines: line } = error as { code?: string; lines?: number };
    throw new UserError(messageOf(error).replace(/\.$/, ''), {
      file: path,
      where: line === undefined ? undefined : `line ${line}`,
      mend: CSV_MENDS[code] ?? 'write the table as RFC 4180 says',
    });
  }
}

async function readJsonLines(path: string, text: string): Promise<Table> {
  const columns = new Set<string>();
  const rows: Record<string, unknown>[] = [];
  const lines: number[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const row = parseRow(path, line, index + 1);
    for (const name of Object.keys(row)) columns.add(name);
    rows.push(row);
    lines.push(index + 1);
  }
  return { path, columns: [...columns], header: 'line 1', rows, where: (row) => `line ${lines[row]}` };
}

function parseRow(path: string, line: string, number: number): Record<string, unknown> {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    throw new UserError(`is not JSON: ${messageOf(error)}`, { file: path, where: `line ${number}` });
  }
  if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as Record<string, unknown>;
  throw new UserError('is not an object', {
    file: path,
    where: `line ${number}`,
    mend: 'write one JSON object per line, as in {"text": "…", "label": "…"}',
  });
}

/**
 * The column that plays a role: the one named by the option, or the first of the usual names that the table has
 * (in any case). Undefined where neither is there.
 * @throws UserError where the option names a column that is not there.
 */
export function findColumn(table: TableHead, usual: readonly string[], named?: string): string | undefined {
  if (named !== undefined) {
    if (table.columns.includes(named)) return named;
    throw new UserError(`has no column '${named}'`, { file: table.path, mend: `it has ${listColumns(table)}` });
  }
  for (const name of usual) {
    const found = table.columns.find((column) => column.toLowerCase() === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Like {@link findColumn}, for a column that must be there.
 * @param option the option that names it, for the message: `--text-column`
 * @throws UserError naming the columns that the table has.
 */
export function requireColumn(
  table: TableHead,
  usual: readonly string[],
  named: string | undefined,
  option: string,
): string {
  const found = findColumn(table, usual, named);
  if (found !== undefined) return found;
  throw new UserError(`no column is named ${usual.slice(0, 5).join(', ')}; it has ${listColumns(table)}`, {
    file: table.path,
    where: table.header,
    mend: `name the column with ${option}${table.header ? ', or begin the file with a line that names its columns' : ''}`,
  });
}

/** The names of a table's columns, for messages. */
export function listColumns(table: TableHead): string {
  return table.columns.map((name) => `'${name}'`).join(', ');
}

/**
 * The label in a cell: a name or a number; several in a JSON array (`["a", "b"]`) or between semicolons (`a;b`). An
 * empty cell is no label, an empty array is a sample of no class.
 * @throws UserError where the cell holds something else.
 */
export function cellLabel(cell: unknown, place: { file: string; where: string }): RawLabel | undefined {
  if (cell === undefined || cell === null || cell === '') return undefined;
  if (typeof cell === 'number') return cell;
  if (typeof cell === 'boolean') return Number(cell);
  if (Array.isArray(cell)) return cell.map((item) => singleLabel(item, place));
  if (typeof cell !== 'string') throw labelError(cell, place);
  const text = cell.trim();
  if (text.startsWith('[') && text.endsWith(']')) {
    try {
      return cellLabel(JSON.parse(text), place);
    } catch {
      return text;
    }
  }
  if (!text.includes(';')) return text;
  return text.split(';').flatMap((part) => part.trim() || []);
}

function singleLabel(item: unknown, place: { file: string; where: string }): string | number {
  if (typeof item === 'string' || typeof item === 'number') return item;
  throw labelError(item, place);
}

function labelError(value: unknown, place: { file: string; where: string }): UserError {
  return new UserError(`${JSON.stringify(value)} is not a label`, {
    ...place,
    mend: 'give a name, a number or a list',
  });
}

/** Distinct class names of labels, in byte order; undefined where labels are indices or absent. */
export function classNamesOf(labels: Iterable<RawLabel | undefined>): string[] | undefined {
  const names = new Set<string>();
  for (const label of labels) {
    for (const item of Array.isArray(label) ? label : [label]) if (typeof item === 'string') names.add(item);
  }
  if ([...names].every((name) => /^\d+$/.test(name))) return undefined;
  return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
