import { open as openFile, readdir, stat } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { UserError } from '../errors.js';
import { AUDIO_ENDINGS, openAudio } from './audio-source.js';
import { fileError } from './files.js';
import { firstFile } from './folder.js';
import { idxFilesIn, isIdxName, isIdxStart, openIdx } from './idx.js';
import { IMAGE_ENDINGS, openImages } from './image-source.js';
import { findColumn, isTable, readTable } from './manifest.js';
import { openNpy } from './npy.js';
import { openNpz } from './npz.js';
import { COLUMN_NAMES, type DatasetOptions } from './options.js';
import { PARQUET_ENDINGS } from './parquet-files.js';
import { openParquet } from './parquet-source.js';
import { openText, TEXT_ENDINGS } from './text-source.js';
import type { Dataset } from './types.js';

type Opener = (path: string, options: DatasetOptions) => Promise<Dataset>;

/** Forms of data that are one file: how its name or its first bytes show it. */
const FILE_FORMS: readonly { open: Opener; named(path: string): boolean; begins(bytes: Buffer): boolean }[] = [
  { open: openTable, named: isTable, begins: () => false },
  {
    open: openNpz,
    named: (path) => /\.npz$/i.test(path),
    begins: (bytes) => bytes.toString('latin1', 0, 4) === 'PK\x03\x04',
  },
  {
    open: openNpy,
    named: (path) => /\.npy$/i.test(path),
    begins: (bytes) => bytes.toString('latin1', 0, 6) === '\x93NUMPY',
  },
  {
    open: openParquet,
    named: (path) => /\.parquet$/i.test(path),
    begins: (bytes) => /^PAR[1E]/.test(bytes.toString('latin1')),
  },
  { open: openIdx, named: isIdxName, begins: isIdxStart },
];

/** Forms of data that are a folder of files; texts come after them, for any folder may hold a note. */
const FOLDER_FORMS: readonly { open: Opener; endings: ReadonlySet<string> }[] = [
  { open: openImages, endings: IMAGE_ENDINGS },
  { open: openAudio, endings: AUDIO_ENDINGS },
  { open: openParquet, endings: PARQUET_ENDINGS },
];

/** Tables that describe the files of the folder that they lie in, as the Hugging Face hub has them. */
const FOLDER_TABLES = ['metadata.csv', 'metadata.jsonl', 'metadata.tsv'];

/**
 * Opens labelled or unlabelled data, whatever its form: a folder of images, sounds or texts (one sub-folder per class,
 * flat, or with a metadata.csv), a folder with a pair of IDX files, a CSV, TSV or JSONL file of texts or of file names, a
 * Parquet file or a folder of them, an IDX, NPZ or NPY file.
 * @throws UserError where the form is not understood, and as the opener of each form says
 */
export async function openDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const entry = await stat(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  return entry.isDirectory() ? openFolder(path, options) : openOneFile(path, options);
}

async function openOneFile(path: string, options: DatasetOptions): Promise<Dataset> {
  const start = await firstBytes(path);
  if (start.length === 0) throw new UserError('is empty', { file: path, mend: 'give a file with samples' });
  const form = FILE_FORMS.find(({ named }) => named(path)) ?? FILE_FORMS.find(({ begins }) => begins(start));
  if (form) return form.open(path, options);
  throw new UserError('is in no form of data that is known', {
    file: path,
    mend: 'give a folder of images or WAVs, a CSV, TSV, JSONL or Parquet file, or an IDX, NPZ or NPY file',
  });
}

async function firstBytes(path: string): Promise<Buffer> {
  try {
    const handle = await openFile(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(path, error);
  }
}

async function openFolder(path: string, options: DatasetOptions): Promise<Dataset> {
  const names = await readdir(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  const table = FOLDER_TABLES.find((name) => names.includes(name));
  if (table) return openTable(join(path, table), options);
  if ((await idxFilesIn(path)).length > 0) return openIdx(path, options);
  const found: { open: Opener; file: string }[] = [];
  for (const { open, endings } of FOLDER_FORMS) {
    const file = await firstFile(path, endings);
    if (file !== undefined) found.push({ open, file });
  }
  const [first, second] = found;
  if (first && second) {
    const what = `holds files of two kinds: ${relative(path, first.file)} and ${relative(path, second.file)}`;
    throw new UserError(what, { file: path, mend: 'keep one kind' });
  }
  if (first) return first.open(path, options);
  if (await firstFile(path, TEXT_ENDINGS)) return openText(path, options);
  throw new UserError('holds no images, sounds or texts', {
    file: path,
    mend: `their names end in ${[...IMAGE_ENDINGS, ...AUDIO_ENDINGS, ...TEXT_ENDINGS].join(', ')}`,
  });
}

/** A table of texts, or of the names of image or sound files. */
async function openTable(path: string, options: DatasetOptions): Promise<Dataset> {
  if (options.textColumn !== undefined) return openText(path, options);
  const table = await readTable(path, options);
  const [row] = table.rows;
  const columns = [
    findColumn(table, COLUMN_NAMES.image, options.inputColumn),
    findColumn(table, COLUMN_NAMES.audio, options.inputColumn),
  ];
  const cells = columns.map((column) => (column === undefined ? undefined : row?.[column]));
  if (cells.some(isImageName)) return openImages(path, options);
  if (cells.some(isAudioName)) return openAudio(path, options);
  if (options.inputColumn === undefined) return openText(path, options);
  throw new UserError(`column '${options.inputColumn}' names no image or sound: ${JSON.stringify(cells[0])}`, {
    file: path,
    where: table.where(0),
    mend: `their names end in ${[...IMAGE_ENDINGS, ...AUDIO_ENDINGS].join(', ')}`,
  });
}

const hasEnding = (endings: ReadonlySet<string>) => (name: unknown) =>
  typeof name === 'string' && endings.has(extname(name.trim()).toLowerCase());
const isImageName = hasEnding(IMAGE_ENDINGS);
const isAudioName = hasEnding(AUDIO_ENDINGS);
