import { openFiles } from './file-source.js';
import { readBytes } from './files.js';
import { COLUMN_NAMES, type DatasetOptions } from './options.js';
import type { Dataset, RawAudio } from './types.js';
import { decodeWav } from './wav.js';

/** File name endings of the audio that can be decoded. */
export const AUDIO_ENDINGS: ReadonlySet<string> = new Set(['.wav', '.wave']);

/**
 * Opens WAV files: a folder with one sub-folder per class, a flat folder (no labels), or a CSV, TSV or JSONL manifest.
 * @throws UserError where the folder or table holds no clips, a column is missing, or a cell is empty
 */
export async function openAudio(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  return openFiles(
    path,
    { kind: 'audio', endings: AUDIO_ENDINGS, columns: COLUMN_NAMES.audio, read: readAudio },
    options,
  );
}

/**
 * Reads a WAV file as mono samples in −1…1, at the rate it was recorded with.
 * @throws UserError naming the file where it is missing, damaged, or in a format that cannot be decoded
 */
export async function readAudio(path: string): Promise<RawAudio> {
  return decodeWav(await readBytes(path), path);
}
