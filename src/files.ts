import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { messageOf, UserError } from './errors.js';

const unfinished = new Set<string>();

/**
 * Writes a file beside its target and renames it when it is complete, so that a failure or Ctrl-C leaves the target as
 * it was. `write` gets the temporary path; what it throws is passed on, system errors as a UserError naming the target.
 */
export async function writeAtomically(
  target: string,
  write: (temporary: string) => void | Promise<void>,
): Promise<void> {
  const temporary = temporaryFor(target);
  unfinished.add(temporary);
  try {
    await write(temporary);
    renameSync(temporary, target);
  } catch (error) {
    remove(temporary);
    throw asWriteError(error, target);
  } finally {
    unfinished.delete(temporary);
  }
}

/**
 * A name beside a target that says which process of which machine it belongs to. Where that process was killed outright,
 * it cleared nothing: the next that works on the target does. Processes of other machines may be alive.
 */
function temporaryFor(target: string): string {
  const folder = dirname(target);
  const own = `.${basename(target)}.${MACHINE}-`;
  for (const name of attempt(() => readdirSync(folder)) ?? []) {
    const pid = name.startsWith(own) && /^(\d+)-\w+\.tmp$/.exec(name.slice(own.length))?.[1];
    if (pid && !isAlive(Number(pid))) remove(join(folder, name));
  }
  return join(folder, `${own}${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
}

/** Tells what process ids are unique in: a machine since it was started and, on Linux, a container on it. */
const MACHINE = createHash('sha256')
  .update(
    JSON.stringify([
      hostname(),
      attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
      attempt(() => readlinkSync('/proc/self/ns/pid')),
    ]),
  )
  .digest('hex')
  .slice(0, 8);

/** True where a process of this machine runs, also where it belongs to another user. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** What `get` returns; undefined where it fails. */
function attempt<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** Removes every file that `writeAtomically` has begun and not completed; for the end of an interrupted run. */
export function removeUnfinishedFiles(): void {
  for (const file of unfinished) remove(file);
  unfinished.clear();
}

/** Removes a file or folder if it can; what it is done for matters more. */
function remove(path: string): void {
  attempt(() => rmSync(path, { force: true, recursive: true }));
}

/** Marks a temporary file or folder for removal when the run is interrupted. */
export function trackUnfinished(path: string): { done(): void } {
  unfinished.add(path);
  return { done: () => unfinished.delete(path) };
}

/** A folder for files that a run needs. */
export interface WorkFolder {
  path: string;
  /** False where it is gone when it is closed. */
  keeps: boolean;
  close(): void;
}

/** A folder beside a file, to be made when needed; it is gone when it is closed, also where the run is interrupted. */
export const passingFolder = (target: string): WorkFolder => passing(temporaryFor(target));

function passing(path: string): WorkFolder {
  const tracked = trackUnfinished(path);
  const close = () => {
    rmSync(path, { recursive: true, force: true });
    tracked.done();
  };
  return { path, keeps: false, close };
}

/** A folder that stays. */
export const lastingFolder = (path: string): WorkFolder => ({ path, keeps: true, close() {} });

/** Calls `use` with a folder that is gone afterwards, also where the run is interrupted. */
export async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = passing(mkdtempSync(join(tmpdir(), 'nncompress-')));
  try {
    return await use(folder.path);
  } finally {
    folder.close();
  }
}

/**
 * Makes sure that an output can be written, before long work begins.
 * @param option the option that names it, for messages; null where there is none.
 * @throws UserError where it exists and may not be replaced, or its folder is missing or not writable.
 */
export function checkOutput(path: string, force: boolean, option: '-o' | '--report' | null = '-o'): void {
  const elsewhere = option ? ` or name another with ${option}` : '';
  const folder = dirname(path);
  if (!existsSync(folder))
    throw new UserError('the folder of the output does not exist', { file: path, mend: `create ${folder} first` });
  if (!statSync(folder).isDirectory())
    throw new UserError('the folder of the output is a file', {
      file: path,
      mend: option ? `name another place with ${option}` : 'name another place',
    });
  checkWritable(folder, path);
  if (!existsSync(path)) return;
  if (statSync(path).isDirectory())
    throw new UserError('the output is a folder', {
      file: path,
      mend: option ? `name a file with ${option}` : 'move it away',
    });
  if (!force)
    throw new UserError('the output exists', {
      file: path,
      mend: `pass --force to replace it${elsewhere}`,
    });
}

function checkWritable(folder: string, path: string): void {
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw asWriteError(error, path);
  }
}

const SYSTEM: Record<string, [what: string, mend: string]> = {
  ENOSPC: ['the disk is full', 'free some space or write elsewhere'],
  EDQUOT: ['the disk quota is used up', 'free some space or write elsewhere'],
  EACCES: ['no permission to write here', 'choose another place'],
  EPERM: ['no permission to write here', 'choose another place'],
  EROFS: ['the file system is read-only', 'choose another place'],
  ENOTDIR: ['the folder is a file', 'choose another place'],
  EISDIR: ['a folder has this name', 'choose another name'],
  ENAMETOOLONG: ['the name is too long', 'choose a shorter one'],
  ENOENT: ['the folder does not exist', 'create it first'],
  EFBIG: ['the file would be larger than the file system or a limit allows', 'write elsewhere or raise the limit'],
};

function asWriteError(error: unknown, file: string): unknown {
  const code = (error as NodeJS.ErrnoException)?.code;
  if (error instanceof UserError || typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) return error;
  const [what, mend] = SYSTEM[code] ?? [messageOf(error), 'check the path'];
  return new UserError(`cannot write: ${what}`, { file, mend });
}

/**
 * Rows of float32 numbers of one width, read from a file.
 * @param places numbers of the rows, in the order wanted.
 * @param start bytes before the first row.
 */
export function readRows(file: number, width: number, places: readonly number[], start = 0): Float32Array {
  return new Float32Array(readByteRows(file, 4 * width, places, start).buffer);
}

/** The same of rows of bytes, in a buffer of their own. */
export function readByteRows(
  file: number,
  length: number,
  places: readonly number[],
  start = 0,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(places.length * length);
  for (const [k, place] of places.entries()) readSync(file, bytes, k * length, length, start + place * length);
  return bytes;
}
