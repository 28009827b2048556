import { stat } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { openFiles } from './file-source.js';
import { fileError, readText } from './files.js';
import {
  cellLabel,
  classNamesOf,
  findColumn,
  readTable,
  requireColumn,
  type Table,
  type TableHead,
} from './manifest.js';
import { COLUMN_NAMES, type DatasetOptions } from './options.js';
import type { Dataset, RawLabel, RawText } from './types.js';

/** File name endings of texts that lie in a file each. */
export const TEXT_ENDINGS: ReadonlySet<string> = new Set(['.txt']);

/** Columns that belong together where a table holds pairs of texts: as in GLUE, SNLI and Quora's question pairs. */
const PAIRS = [
  ['premise', 'hypothesis'],
  ['sentence1', 'sentence2'],
  ['question1', 'question2'],
  ['text_a', 'text_b'],
  ['text1', 'text2'],
  ['text', 'text_pair'],
] as const;

/** Which columns of a table hold what. */
export interface TextColumns {
  text: string;
  pair: string | undefined;
  label: string | undefined;
}

/**
 * Opens texts: a CSV, TSV or JSONL table with a column of texts (or two, for pairs) and, where there are labels, one of
 * them; or a folder of .txt files with one sub-folder per class. Columns are those that the options name, else those
 * with a usual name.
 * @throws UserError where no column or more than one can be meant, listing the table's columns, and where a cell is no
 * text
 */
export async function openText(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const entry = await stat(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  if (entry.isDirectory()) {
    const read = async (file: string): Promise<RawText> => ({ kind: 'text', text: (await readText(file)).trimEnd() });
    return openFiles(path, { kind: 'text', endings: TEXT_ENDINGS, columns: [], read }, options);
  }
  const table = await readTable(path, options);
  return textDataset(table, textColumns(table, options));
}

/**
 * The texts and labels of a table, as {@link textColumns} finds them.
 * @throws UserError where a cell is no text (when it is loaded) or no label
 */
export function textDataset(table: Table, columns: TextColumns): Dataset {
  const labels: (RawLabel | undefined)[] = table.rows.map((row, index) =>
    columns.label === undefined
      ? undefined
      : cellLabel(row[columns.label], { file: table.path, where: table.where(index) }),
  );
  return {
    path: table.path,
    kind: 'text',
    size: table.rows.length,
    classNames: classNamesOf(labels),
    label: (index) => labels[index],
    describe: table.where,
    async load(index) {
      const text = cellText(table, index, columns.text);
      if (columns.pair === undefined) return { kind: 'text', text };
      return { kind: 'text', text, pair: cellText(table, index, columns.pair) };
    },
  };
}

function cellText(table: Table, row: number, column: string): string {
  const cell = table.rows[row]?.[column];
  if (typeof cell === 'string') return cell;
  if (typeof cell === 'number') return String(cell);
  throw new UserError(`column '${column}' holds ${JSON.stringify(cell) ?? 'nothing'}, not a text`, {
    file: table.path,
    where: table.where(row),
    mend: 'give a text in every row',
  });
}

/**
 * The columns of texts, or of pairs of them, and of labels: those that the options name, else those with a usual name.
 * @throws UserError where no column or more than one can be meant, listing the table's columns
 */
export function textColumns(table: TableHead, options: DatasetOptions): TextColumns {
  const label = onlyColumn(table, COLUMN_NAMES.label, options.labelColumn, '--label-column');
  if (options.textColumn !== undefined || options.pairColumn !== undefined) {
    const text = requireColumn(table, COLUMN_NAMES.text, options.textColumn, '--text-column');
    const pair = options.pairColumn === undefined ? undefined : findColumn(table, [], options.pairColumn);
    return { text, pair, label };
  }
  for (const names of PAIRS) {
    const [text, pair] = names.map((name) => findColumn(table, [name]));
    if (text !== undefined && pair !== undefined) return { text, pair, label };
  }
  const text = onlyColumn(table, COLUMN_NAMES.text, undefined, '--text-column') ?? remaining(table, label);
  return { text: text ?? requireColumn(table, COLUMN_NAMES.text, undefined, '--text-column'), pair: undefined, label };
}

/** The one column with a usual name. @throws UserError where there are several and the option names none */
function onlyColumn(table: TableHead, usual: readonly string[], named: string | undefined, option: string) {
  const found = findColumn(table, usual, named);
  const others = table.columns.filter((column) => column !== found && usual.includes(column.toLowerCase()));
  if (found === undefined || named !== undefined || others.length === 0) return found;
  const rivals = [found, ...others].map((name) => `'${name}'`).join(' or ');
  const columns = table.columns.map((name) => `'${name}'`).join(', ');
  throw new UserError(`${rivals} may be meant; it has ${columns}`, {
    file: table.path,
    where: table.header,
    mend: `name the column with ${option}`,
  });
}

/** The text column of a table that has no other column beside its labels. */
function remaining(table: TableHead, label: string | undefined): string | undefined {
  const rest = table.columns.filter((column) => column !== label);
  return label !== undefined && rest.length === 1 ? rest[0] : undefined;
}
