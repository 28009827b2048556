import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { UserError } from '../errors.js';
import { fileError } from './files.js';
import { type FolderFile, filesBelow, isSplitName } from './folder.js';

/** File name endings of Parquet files. */
export const PARQUET_ENDINGS: ReadonlySet<string> = new Set(['.parquet']);

/** A Parquet file of a data set. */
export interface ParquetPart {
  path: string;
  /** Path inside the data set's folder; undefined where it is the only file. */
  name: string | undefined;
}

/**
 * The Parquet files that make up a data set: a file alone, or those of a folder in byte order. A folder may hold several
 * splits, told by names such as `train-00000-of-00002.parquet`, `test.parquet` or `validation/0000.parquet`.
 * @param split the one to take
 * @throws UserError where the folder holds no such file, several splits and none is chosen, or lacks a shard
 */
export async function parquetParts(path: string, split?: string): Promise<ParquetPart[]> {
  const entry = await stat(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  if (!entry.isDirectory()) return [{ path, name: undefined }];
  const files = await filesBelow(path, PARQUET_ENDINGS);
  if (files.length === 0)
    throw new UserError('holds no .parquet file', { file: path, mend: 'name one, or its folder' });
  const chosen = ofSplit(path, files, split);
  checkShards(path, chosen);
  return chosen.map((file) => ({ path: file.path, name: chosen.length === 1 ? undefined : file.name }));
}

function ofSplit(folder: string, files: readonly FolderFile[], split: string | undefined): FolderFile[] {
  const bySplit = new Map<string | undefined, FolderFile[]>();
  for (const file of files) {
    const name = splitOf(file.name);
    bySplit.set(name, [...(bySplit.get(name) ?? []), file]);
  }
  const names = [...bySplit.keys()].map((name) => name ?? 'files of no split').join(', ');
  if (split !== undefined) {
    const found = bySplit.get(split.toLowerCase());
    if (found) return found;
    throw new UserError(`has no split '${split}'`, { file: folder, mend: `it has ${names}` });
  }
  const [only] = bySplit.values();
  if (bySplit.size === 1) return only!;
  throw new UserError(`holds several parts: ${names}`, { file: folder, mend: 'name one of them with --split' });
}

/** The split that a file's name begins with, or else the folder that it lies in. */
function splitOf(name: string): string | undefined {
  const [file = '', ...folders] = name.toLowerCase().split('/').reverse();
  return [/^[a-z]+/.exec(file)?.[0], ...folders].find((part) => part !== undefined && isSplitName(part));
}

const SHARD = /^(.*)-(\d{5})-of-(\d{5})(?=[-.])/;

function checkShards(folder: string, files: readonly FolderFile[]): void {
  const shards = files.flatMap(({ name }) => {
    const [, set, at, count] = SHARD.exec(name) ?? [];
    return set === undefined ? [] : [{ set, at: Number(at), count: Number(count) }];
  });
  for (const { set, count } of shards) {
    const there = new Set(shards.filter((shard) => shard.set === set && shard.count === count).map(({ at }) => at));
    const missing = Array.from({ length: count }, (_, at) => at).find((at) => !there.has(at));
    if (missing === undefined) continue;
    const what = `lacks shard ${String(missing).padStart(5, '0')} of the ${count} of ${basename(set)}`;
    throw new UserError(what, { file: folder, mend: 'fetch it too, or name a single file' });
  }
}
