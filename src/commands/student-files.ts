import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { FILES_BESIDE, findBeside, type JsonFile, readJsonBeside } from '../data/beside.js';
import { readClassNames } from '../data/labels.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { writeAtomically } from '../files.js';
import { isHubLayout } from './model-path.js';

/** A file that a new student needs beside it. */
export interface StudentFile {
  path: string;
  content: Buffer;
}

const CONFIG = 'config.json';
/** Files of a teacher that speak for its student as well: a config.json also tells of an architecture. */
const SHARED = FILES_BESIDE.filter((name) => name !== CONFIG && name !== 'labels.txt');

/**
 * Files that have to be written beside a new student so that it can be run: those of its teacher where it lies in
 * another folder, and what its preprocessing says where that is its own.
 * @param config what its preprocessing says, where it is not that of its teacher.
 * @throws UserError where another file is in the way
 */
export async function filesFor(
  output: string,
  teacherPath: string,
  data: TaskData,
  config: JsonFile | undefined,
  force: boolean,
): Promise<StudentFile[]> {
  const folder = isHubLayout(output) ? join(dirname(output), '..') : dirname(output);
  const [from, to] = [dirname(teacherPath), dirname(output)];
  const contents = new Map<string, Buffer>();
  if (resolve(from) !== resolve(to)) {
    for (const name of SHARED) {
      const path = await findBeside(from, name);
      if (path !== undefined) contents.set(name, readFileSync(path));
    }
    if (!sameNames(await readClassNames(to), data.labels.classes))
      contents.set(CONFIG, jsonOf(await classesConfig(from, data)));
  }
  if (config) contents.set(basename(config.path), jsonOf(config.value));
  const files = [...contents].map(([name, content]) => ({ path: join(folder, name), content }));
  return files.filter((file) => isNeeded(file, force && resolve(from) !== resolve(to)));
}

const sameNames = (a: readonly string[] | undefined, b: readonly string[]) => JSON.stringify(a) === JSON.stringify(b);

const jsonOf = (value: object): Buffer => Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);

/** What a config.json says of classes and padding: of the architecture, nothing. */
async function classesConfig(from: string, { kind, labels }: TaskData): Promise<Record<string, unknown>> {
  const teacher = (await readJsonBeside(from, CONFIG))?.value ?? {};
  return {
    num_labels: kind === 'binary' ? 1 : labels.classes.length,
    id2label: { ...labels.classes },
    label2id: Object.fromEntries(labels.classes.map((name, index) => [name, index])),
    ...(kind === 'multi-label' && { problem_type: 'multi_label_classification' }),
    ...(teacher.pad_token_id !== undefined && { pad_token_id: teacher.pad_token_id }),
  };
}

/** True where a file has to be written. @throws UserError where another one has its name */
function isNeeded({ path, content }: StudentFile, mayReplace: boolean): boolean {
  if (!existsSync(path)) return true;
  if (readFileSync(path).equals(content)) return false;
  if (mayReplace) return true;
  throw new UserError('says something else than the new student needs beside it', {
    file: path,
    mend: 'write the student to a folder of its own with -o',
  });
}

/** Writes them. */
export async function writeStudentFiles(files: readonly StudentFile[]): Promise<void> {
  for (const { path, content } of files) await writeAtomically(path, (temporary) => writeFileSync(temporary, content));
}
