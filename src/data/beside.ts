import { copyFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { messageOf, UserError } from '../errors.js';
import { isFile, readText } from './files.js';

/** A JSON object and the file that holds it. */
export interface JsonFile {
  path: string;
  value: Record<string, unknown>;
}

/** A file beside a model or, where the model lies in a folder `onnx` (as on the Hugging Face hub), above it. */
export async function findBeside(modelDir: string, name: string): Promise<string | undefined> {
  const folders = basename(resolve(modelDir)) === 'onnx' ? [modelDir, join(modelDir, '..')] : [modelDir];
  for (const folder of folders) if (await isFile(join(folder, name))) return join(folder, name);
  return undefined;
}

/** Files that say how samples are prepared and what classes are called. */
export const FILES_BESIDE = [
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'config.json',
  'labels.txt',
];

/** Copies what lies beside a model into the folder of one that is made from it. */
export async function copyBeside(modelDir: string, folder: string): Promise<void> {
  for (const name of FILES_BESIDE) {
    const file = await findBeside(modelDir, name);
    if (file !== undefined) copyFileSync(file, join(folder, name));
  }
}

/**
 * A JSON file beside a model; undefined where there is none.
 * @throws UserError where the file is not JSON, or not an object
 */
export async function readJsonBeside(modelDir: string, name: string): Promise<JsonFile | undefined> {
  const path = await findBeside(modelDir, name);
  return path === undefined ? undefined : readJson(path);
}

/**
 * A file that holds a JSON object.
 * @throws UserError where it is missing, not JSON, or not an object
 */
export async function readJson(path: string): Promise<JsonFile> {
  let value: unknown;
  try {
    value = JSON.parse(await readText(path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`is not JSON: ${messageOf(error)}`, { file: path, mend: 'repair or remove it' });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return { path, value: value as Record<string, unknown> };
  }
  throw new UserError('is not a JSON object', { file: path, mend: 'repair or remove it' });
}
