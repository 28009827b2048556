import { UserError } from '../errors.js';
import { decodeImage } from './image-source.js';
import { cellLabel, classNamesOf, findColumn, listColumns, type TableHead } from './manifest.js';
import { COLUMN_NAMES, type DatasetOptions } from './options.js';
import { openParquetFile, type ParquetFile } from './parquet-file.js';
import { type ParquetPart, parquetParts } from './parquet-files.js';
import type { RowRange } from './parquet-protocol.js';
import { textColumns, textDataset } from './text-source.js';
import type { Dataset, RawLabel, RawSample } from './types.js';
import { decodeWav } from './wav.js';

/** The files of a data set, rows counted through all of them. */
interface ParquetSet extends TableHead {
  files: readonly { file: ParquetFile; name: string | undefined; first: number }[];
  size: number;
  /** Where a row lies, for messages: `row 3`, `test-00001-of-00002.parquet: row 3`; counted from 0. */
  where(row: number): string;
}

/**
 * Opens Parquet: a file, or a folder of them (shards, one split), with a column of images or sounds as bytes, or of
 * texts (or two, for pairs), and a column of labels. Bytes may lie in structs `{ bytes, path }`, and integers may stand
 * for class names that the file tells, as the Hugging Face hub has both. Labels and texts are held in memory; images and
 * sounds are read a row group at a time, when they are loaded.
 * @throws UserError where a file is damaged, files differ in their columns, or no column or more than one can be meant
 */
export async function openParquet(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const set = await openSet(path, await parquetParts(path, options.split));
  const label = labelColumn(set, options);
  const media = options.textColumn === undefined ? await mediaColumn(set, options) : undefined;
  if (media === undefined) return openTexts(set, { ...options, labelColumn: label });
  const labels = await readLabels(set, label);
  return {
    path,
    kind: media.kind,
    size: set.size,
    classNames: classNames(set, label) ?? classNamesOf(labels),
    label: (index) => labels[index],
    describe: set.where,
    async load(index) {
      const bytes = bytesIn(await media.cell(index));
      const place = { file: path, where: set.where(index) };
      if (!bytes) throw new UserError(`column '${media.column}' holds no bytes`, { ...place, mend: EMBED });
      return media.decode(bytes, `${path}: ${set.where(index)}`);
    },
  };
}

const EMBED = 'put the contents of the files into the column';

async function openSet(path: string, parts: readonly ParquetPart[]): Promise<ParquetSet> {
  const files: ParquetSet['files'][number][] = [];
  let size = 0;
  for (const part of parts) {
    const file = await openParquetFile(part.path);
    files.push({ file, name: part.name, first: size });
    size += file.size;
  }
  const columns = files[0]!.file.columns.map(({ name }) => name);
  for (const { file } of files) {
    const lacking = columns.find((name) => !file.columns.some((column) => column.name === name));
    if (lacking === undefined) continue;
    throw new UserError(`has no column '${lacking}', ${parts[0]!.name} has`, {
      file: file.path,
      mend: 'keep files of one data set in a folder',
    });
  }
  if (size === 0) throw new UserError('has no rows', { file: path, mend: 'give at least one sample' });
  return {
    path,
    columns,
    files,
    size,
    where(row) {
      const { name, first } = files.findLast((entry) => entry.first <= row)!;
      return name === undefined ? `row ${row}` : `${name}: row ${row - first}`;
    },
  };
}

/** A column as the first file has it. */
function columnOf(set: ParquetSet, name: string | undefined) {
  return set.files[0]!.file.columns.find((column) => column.name === name);
}

/** What bytes can be: how they begin (file signatures), and how they are decoded. */
const MEDIA = [
  {
    kind: 'audio',
    begins: /^(RIFF|RF64)....WAVE|^fLaC|^OggS|^ID3|^\xff[\xf2\xf3\xfb]/s,
    decode: async (bytes: Uint8Array, file: string): Promise<RawSample> => decodeWav(bytes, file),
  },
  {
    kind: 'image',
    begins: /^\x89PNG|^\xff\xd8\xff|^GIF8|^RIFF....WEBP|^II\*\0|^MM\0\*|^....ftypavi[fs]/s,
    decode: async (bytes: Uint8Array, file: string): Promise<RawSample> => decodeImage(bytes, file),
  },
] as const;

type Media = (typeof MEDIA)[number] & { column: string; cell(row: number): Promise<unknown> };

/**
 * The column of images or sounds: the one named, else the one with a usual name, else the only one that holds bytes
 * where there is no text. Undefined where there is none.
 */
async function mediaColumn(set: ParquetSet, { inputColumn }: DatasetOptions): Promise<Media | undefined> {
  const holdingBytes = set.columns.filter((name) => columnOf(set, name)?.bytes);
  const named = findColumn(set, [], inputColumn);
  const usual = [...COLUMN_NAMES.image, ...COLUMN_NAMES.audio];
  const found = named ?? findColumn({ ...set, columns: holdingBytes }, usual);
  const hasText = findColumn(set, COLUMN_NAMES.text) !== undefined;
  const [first, second] = found === undefined && !hasText ? holdingBytes : [];
  const column = found ?? first;
  if (column === undefined) return undefined;
  if (second !== undefined) {
    const what = `'${first}' or '${second}' may be meant; it has ${listColumns(set)}`;
    throw new UserError(what, { file: set.path, mend: 'name the column with --input-column' });
  }
  const cell = cellReader(set, column);
  const bytes = await firstBytes(cell, set.size);
  const start = Buffer.from(bytes?.subarray(0, 12) ?? []).toString('latin1');
  const media = MEDIA.find(({ begins }) => begins.test(start));
  if (media) return { ...media, column, cell };
  throw new UserError(`column '${column}' holds no image or sound${bytes ? ' of a known format' : ''}`, {
    file: set.path,
    mend: bytes ? `its bytes begin with ${Buffer.from(bytes.subarray(0, 4)).toString('hex')}` : EMBED,
  });
}

/** Rows that are looked at to see what a column holds. */
const LOOKED_AT = 16;

/** The first bytes that a column holds. */
async function firstBytes(cell: Media['cell'], size: number): Promise<Uint8Array | undefined> {
  for (let row = 0; row < Math.min(size, LOOKED_AT); row++) {
    const bytes = bytesIn(await cell(row));
    if (bytes) return bytes;
  }
  return undefined;
}

/** The bytes of a cell, plain or in a struct `{ bytes, path }`. */
function bytesIn(cell: unknown): Uint8Array | undefined {
  const bytes = typeof cell === 'object' && cell !== null && 'bytes' in cell ? cell.bytes : cell;
  return bytes instanceof Uint8Array && bytes.length > 0 ? bytes : undefined;
}

/** Row groups that are kept: batches reach from one into the next. */
const KEPT_GROUPS = 2;

/** Reads the cells of one column, keeping the row groups that were read last. */
function cellReader({ files }: ParquetSet, column: string): Media['cell'] {
  const groups = files.flatMap(({ file, first }) =>
    file.groups.map((group) => ({ file, group, first: first + group.start, end: first + group.end })),
  );
  const kept = new Map<RowRange, Promise<Record<string, unknown>[]>>();
  return async (row) => {
    const { file, group, first } = groups.find(({ end }) => row < end)!;
    const rows = kept.get(group) ?? file.read([column], group);
    kept.delete(group);
    kept.set(group, rows);
    for (const old of [...kept.keys()].slice(0, -KEPT_GROUPS)) kept.delete(old);
    return (await rows)[row - first]?.[column];
  };
}

/** The column of labels: the one named, else the one with a usual name, else the one whose class names are told. */
function labelColumn(set: ParquetSet, { labelColumn: named }: DatasetOptions): string | undefined {
  const found = findColumn(set, COLUMN_NAMES.label, named);
  if (found !== undefined) return found;
  const [only, other] = set.columns.filter((name) => columnOf(set, name)?.classes);
  if (other === undefined) return only;
  const what = `'${only}' or '${other}' may be meant; it has ${listColumns(set)}`;
  throw new UserError(what, { file: set.path, mend: 'name the column with --label-column' });
}

/** Class names of the label column in the order of their indices; undefined where they are not told, or just numbers. */
function classNames(set: ParquetSet, label: string | undefined): readonly string[] | undefined {
  const names = columnOf(set, label)?.classes;
  return names?.every((name) => /^\d+$/.test(name)) ? undefined : names;
}

async function readRows(set: ParquetSet, columns: readonly string[]): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[][] = [];
  for (const { file } of set.files) rows.push(await file.read(columns));
  return rows.flat();
}

async function readLabels(set: ParquetSet, label: string | undefined): Promise<(RawLabel | undefined)[]> {
  if (label === undefined) return new Array<undefined>(set.size).fill(undefined);
  const names = classNames(set, label);
  const rows = await readRows(set, [label]);
  return rows.map((row, index) => {
    const place = { file: set.path, where: set.where(index) };
    return cellLabel(labelCell(row[label], names, place), place);
  });
}

/** A cell of labels, class indices replaced by names; −1 is how the hub marks a sample without a label. */
function labelCell(
  cell: unknown,
  names: readonly string[] | undefined,
  place: { file: string; where: string },
): unknown {
  if (cell instanceof Uint8Array) return Buffer.from(cell).toString();
  if (cell === -1) return undefined;
  if (Array.isArray(cell)) return cell.map((item) => labelCell(item, names, place));
  if (names === undefined || typeof cell !== 'number') return cell;
  const name = names[cell];
  if (name !== undefined) return name;
  throw new UserError(`label ${cell} is none of the ${names.length} classes that the file names`, place);
}

async function openTexts(set: ParquetSet, options: DatasetOptions): Promise<Dataset> {
  const columns = textColumns(set, options);
  const { text, pair, label } = columns;
  const named = [text, pair, label].filter((column) => column !== undefined);
  const rows = await readRows(set, named);
  const names = classNames(set, label);
  for (const [index, row] of rows.entries()) {
    for (const column of [text, pair]) {
      const cell = column && row[column];
      if (cell instanceof Uint8Array) row[column!] = Buffer.from(cell).toString();
    }
    if (label !== undefined) row[label] = labelCell(row[label], names, { file: set.path, where: set.where(index) });
  }
  const dataset = textDataset({ ...set, rows }, columns);
  return { ...dataset, classNames: names ?? dataset.classNames };
}
