import { dirname, resolve } from 'node:path';
import { UserError } from '../errors.js';
import { listFolder } from './folder.js';
import { cellLabel, classNamesOf, findColumn, isTable, readTable, requireColumn, type Table } from './manifest.js';
import { COLUMN_NAMES, type DatasetOptions } from './options.js';
import type { Dataset, RawLabel, RawSample, SampleKind } from './types.js';

/** A kind of samples that lie in a file each. */
export interface FileKind {
  kind: SampleKind;
  /** File name endings, in lower case with the dot. */
  endings: ReadonlySet<string>;
  /** Usual names of a manifest's column of file names. */
  columns: readonly string[];
  /** Reads one file. @throws UserError naming it */
  read(path: string): Promise<RawSample>;
}

interface LabelledFile {
  path: string;
  name: string;
  label: RawLabel | undefined;
}

/**
 * Opens samples that lie in a file each: a folder with one sub-folder per class, a flat folder (no labels), or a CSV,
 * TSV or JSONL manifest with a column of file names (relative to the manifest) and, where there are labels, one of them.
 * @throws UserError where the folder or table holds no such files, a column is missing, or a cell is empty
 */
export async function openFiles(path: string, kind: FileKind, options: DatasetOptions = {}): Promise<Dataset> {
  if (isTable(path)) {
    const files = manifestFiles(await readTable(path, options), kind, options);
    return filesDataset(path, kind, files, classNamesOf(files.map((file) => file.label)));
  }
  const { files, classNames } = await listFolder(path, kind.endings, options.split);
  return filesDataset(path, kind, files, classNames);
}

function manifestFiles(table: Table, { columns }: FileKind, options: DatasetOptions): LabelledFile[] {
  const input = requireColumn(table, columns, options.inputColumn, '--input-column');
  const label = findColumn(table, COLUMN_NAMES.label, options.labelColumn);
  return table.rows.map((row, index) => {
    const place = { file: table.path, where: table.where(index) };
    const name = row[input];
    if (typeof name !== 'string' || name.trim() === '') {
      throw new UserError(`column '${input}' names no file`, { ...place, mend: 'name a file in every row' });
    }
    const cell = label === undefined ? undefined : cellLabel(row[label], place);
    return { path: resolve(dirname(table.path), name.trim()), name: name.trim(), label: cell };
  });
}

function filesDataset(
  path: string,
  { kind, read }: FileKind,
  files: readonly LabelledFile[],
  classNames: readonly string[] | undefined,
): Dataset {
  return {
    path,
    kind,
    size: files.length,
    classNames,
    label: (index) => files[index]?.label,
    describe: (index) => files[index]?.name ?? `sample ${index}`,
    load: (index) => read(files[index]!.path),
  };
}
