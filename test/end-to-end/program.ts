import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type Report, reportSchema } from '../../src/report/schema.js';

/** Folder of the project; commands run there. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
/** The program as npm installs it. */
export const program = join(root, 'bin/nncompress.js');

/** True where runs that take long are wanted, too: those that are killed and resumed, and all examples of the pages. */
export const isThorough = process.env.NNCOMPRESS_THOROUGH === '1';

/** Runs the program as a user does, without a terminal. */
export function nncompress(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [program, ...args], { cwd: root, encoding: 'utf8' });
}

/** A folder that is gone after the test. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-end-to-end-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A report file, checked against the schema. */
export function readReport(path: string): Report {
  return reportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** The fixtures of each kind of data. */
export const IMAGES = [
  'fixtures/fashion-mobilenet/model.onnx',
  'fixtures/fashion-mnist/t10k-images-idx3-ubyte.gz',
] as const;
export const SPEECH = ['fixtures/digits-m5/model.onnx', 'fixtures/spoken-digits/test'] as const;
export const FEATURES = ['fixtures/digits-dscnn/model.onnx', 'fixtures/spoken-digits/test'] as const;
export const TEXTS = ['fixtures/banking-textcnn/model.onnx', 'fixtures/banking77/test.csv'] as const;

/** Runs the program and kills it once its checkpoint has been written anew so many times. */
export async function killAfter(checkpoints: number, path: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const stamp = () => (existsSync(path) ? readFileSync(path).toString('latin1') : '');
  let [last, seen] = [stamp(), 0];
  while (seen < checkpoints && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const now = stamp();
    if (now === last || now === '') continue;
    [last, seen] = [now, seen + 1];
  }
  child.kill('SIGKILL');
  await ended;
}
