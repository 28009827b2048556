import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UserError } from '../errors.js';
import { fileError } from './files.js';

/** A file of a data folder. */
export interface FolderFile {
  /** Path that opens it. */
  path: string;
  /** Path inside the folder, with `/`: `dog/3.png`. */
  name: string;
  /** Name of its class folder; undefined in a flat folder. */
  label: string | undefined;
}

/** What a data folder holds. */
export interface FolderListing {
  files: FolderFile[];
  /** Names of the class folders in byte order; undefined for a flat folder. */
  classNames: string[] | undefined;
}

/** Names that say that a sub-folder is a part of the data, not a class. */
const SPLIT_NAMES = new Set(['train', 'training', 'test', 'testing', 'val', 'valid', 'validation', 'dev', 'eval']);

/** True for the name of a part of the data: `train`, `test` … */
export function isSplitName(name: string): boolean {
  return SPLIT_NAMES.has(name.toLowerCase());
}

/** Orders strings by their UTF-8 bytes, as Python's `sorted` does. */
export function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** True for names that no data file has: hidden files and what archivers leave behind. */
function isClutter(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX' || name === 'Thumbs.db' || name === 'desktop.ini';
}

interface Entry {
  name: string;
  path: string;
  isFolder: boolean;
}

/** Entries of a folder in byte order, links followed, without clutter. */
async function entriesOf(path: string): Promise<Entry[]> {
  try {
    const entries = (await readdir(path, { withFileTypes: true })).filter((entry) => !isClutter(entry.name));
    entries.sort((a, b) => byteOrder(a.name, b.name));
    return await Promise.all(
      entries.map(async (entry) => {
        const full = join(path, entry.name);
        const isFolder = entry.isSymbolicLink() ? (await stat(full)).isDirectory() : entry.isDirectory();
        return { name: entry.name, path: full, isFolder };
      }),
    );
  } catch (error) {
    throw fileError(path, error);
  }
}

/**
 * Files below a folder whose names end as wanted: those of a folder before those of its sub-folders, each in byte order.
 * @param prefix put before their names
 * @throws UserError where the folder cannot be read
 */
export async function filesBelow(
  folder: string,
  endings: ReadonlySet<string>,
  prefix = '',
  depth = 0,
): Promise<FolderFile[]> {
  if (depth > 32)
    throw new UserError('is nested too deeply', { file: folder, mend: 'look for a link that leads back' });
  const entries = await entriesOf(folder);
  const files = entries
    .filter((entry) => !entry.isFolder && endings.has(extname(entry.name).toLowerCase()))
    .map(({ path, name }): FolderFile => ({ path, name: `${prefix}${name}`, label: undefined }));
  for (const { path, name } of entries.filter((entry) => entry.isFolder)) {
    files.push(...(await filesBelow(path, endings, `${prefix}${name}/`, depth + 1)));
  }
  return files;
}

/** The first file, at any depth, whose name ends as wanted; undefined where there is none. */
export async function firstFile(folder: string, endings: ReadonlySet<string>): Promise<string | undefined> {
  const entries = await entriesOf(folder);
  const file = entries.find((entry) => !entry.isFolder && endings.has(extname(entry.name).toLowerCase()));
  if (file) return file.path;
  for (const { path } of entries.filter((entry) => entry.isFolder)) {
    const found = await firstFile(path, endings);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Lists a data folder as torchvision's ImageFolder does: every sub-folder is a class, its files (at any depth) are the
 * samples, classes and files in byte order. A folder that holds wanted files itself is flat, its files have no labels.
 * @param endings file name endings that count, in lower case with the dot: `.png`
 * @param split the sub-folder to take where the folder holds `train`, `test` …
 * @throws UserError where the folder is missing, holds none of these files, files beside class folders, or several
 * splits and none is chosen.
 */
export async function listFolder(root: string, endings: ReadonlySet<string>, split?: string): Promise<FolderListing> {
  const entries = await entriesOf(root);
  const folders = entries.filter((entry) => entry.isFolder);
  if (split !== undefined) {
    if (folders.some((folder) => folder.name === split)) return listFolder(join(root, split), endings);
    throw new UserError(`has no sub-folder '${split}'`, { file: root, mend: 'name an existing split, or none' });
  }
  if (folders.length > 0 && folders.every((folder) => isSplitName(folder.name))) {
    const [first] = folders;
    if (folders.length === 1 && first) return listFolder(first.path, endings);
    const names = folders.map((folder) => folder.name).join(', ');
    throw new UserError(`holds several parts: ${names}`, { file: root, mend: `name one of them: ${first?.path}` });
  }
  const files = await listClasses(root, entries, endings);
  if (files.length === 0) {
    throw new UserError(`holds no files that end in ${[...endings].join(', ')}`, {
      file: root,
      mend: 'give a folder with one sub-folder per class',
    });
  }
  const classNames = files[0]?.label === undefined ? undefined : folders.map((folder) => folder.name);
  return { files, classNames };
}

async function listClasses(
  root: string,
  entries: readonly Entry[],
  endings: ReadonlySet<string>,
): Promise<FolderFile[]> {
  const flat = entries.filter((entry) => !entry.isFolder && endings.has(extname(entry.name).toLowerCase()));
  const classes: FolderFile[] = [];
  for (const folder of entries.filter((entry) => entry.isFolder)) {
    const files = await filesBelow(folder.path, endings, `${folder.name}/`);
    for (const file of files) classes.push({ ...file, label: folder.name });
  }
  if (flat.length > 0 && classes.length > 0) {
    throw new UserError(`holds files (${flat[0]?.name}) beside class folders (${classes[0]?.label})`, {
      file: root,
      mend: 'move every file into the folder of its class',
    });
  }
  return classes.length > 0 ? classes : flat.map(({ path, name }) => ({ path, name, label: undefined }));
}
