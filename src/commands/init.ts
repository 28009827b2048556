import { existsSync, statSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { z } from 'zod';
import { openTask } from '../data/task.js';
import { EXIT, UserError } from '../errors.js';
import { checkOutput, writeAtomically } from '../files.js';
import { Session } from '../runtime/session.js';
import { CONFIG_FILES } from './config.js';
import type { CommandContext } from './context.js';
import { displayShape } from './option-shapes.js';
import { exact, flag } from './option-values.js';

/** What `nncompress init` takes besides the folder. */
export const options = exact({ force: flag().default(false), ...displayShape });

/** Folders below the one given that are looked into. */
const DEPTH = 3;
const SKIPPED = /^(node_modules|\..*|__pycache__)$/;
/** Models that a compression wrote. */
const WRITTEN = /[._-](int8|int4|uint8|fp16|quant(ized)?|q4|q4f16|bnb4)\.onnx$/i;
const TABLE = /\.(csv|tsv|jsonl|ndjson|parquet|npz)$/i;
const IDX_IMAGES = /-images[-.]idx3-ubyte(\.gz)?$/;
/** Names of data to judge on, from best to worst, and of data to learn from. */
const TEST_NAMES = [/^(test|t10k)(?=[-_./]|$)/i, /^(val|valid|validation|dev|eval)(?=[-_./]|$)/i];

interface Found {
  models: string[];
  data: string[];
}

/** A model and labelled data that it runs on, if there is some. */
interface Suggestion {
  model: string;
  data: string | undefined;
}

/** Writes a commented config for the models of a folder and the data that they run on. */
export async function run(folder = '.', { force }: z.output<typeof options>, context: CommandContext): Promise<number> {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new UserError('no such folder', { file: folder, mend: 'name the folder that holds the models' });
  const target = join(folder, CONFIG_FILES[0]!);
  checkOutput(target, force, null);
  const { models, data } = await search(folder);
  if (!models.length)
    throw new UserError('holds no ONNX file', { file: folder, mend: 'name the folder that holds the models' });
  const suggestions: Suggestion[] = [];
  const task = context.progress.start('trying models', models.length);
  const broken: UserError[] = [];
  for (const model of models) {
    const fault = await whyNotLoaded(model);
    if (fault) broken.push(fault);
    else suggestions.push({ model, data: await fittingData(model, data) });
    task.advance();
  }
  task.done();
  if (!suggestions.length) throw broken[0]!;
  const text = configText(suggestions, folder);
  await writeAtomically(target, (temporary) => writeFile(temporary, text));
  context.print(`wrote ${target}: ${suggestions.length} ${suggestions.length === 1 ? 'job' : 'jobs'}`);
  for (const { model, data: found } of suggestions)
    context.print(`  ${model}: ${found ? `on ${found}` : 'no labelled data found for it; name some in the file'}`);
  for (const { message } of broken) context.print(`  left out ${message}`);
  context.print('run it with nncompress check');
  return EXIT.ok;
}

async function search(folder: string, depth = DEPTH): Promise<Found> {
  const found: Found = { models: [], data: [] };
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (SKIPPED.test(entry.name)) continue;
    if (entry.isDirectory()) {
      const isData = testRank(entry.name) < TEST_NAMES.length;
      if (isData) found.data.push(path);
      else if (depth > 0) {
        const below = await search(path, depth - 1);
        found.models.push(...below.models);
        found.data.push(...below.data);
      }
    } else if (/\.onnx$/i.test(entry.name) && !WRITTEN.test(entry.name)) found.models.push(path);
    else if (TABLE.test(entry.name) || IDX_IMAGES.test(entry.name)) found.data.push(path);
  }
  return found;
}

const baseOf = (path: string) => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

function testRank(name: string): number {
  const rank = TEST_NAMES.findIndex((pattern) => pattern.test(name));
  return rank < 0 ? TEST_NAMES.length : rank;
}

async function whyNotLoaded(model: string): Promise<UserError | undefined> {
  try {
    await (await Session.create(model, { threads: 1 })).release();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.at({ file: model });
    throw error;
  }
}

/** The first data that can be read and prepared for a model, and whose labels are its classes; test sets go first. */
async function fittingData(model: string, candidates: readonly string[]): Promise<string | undefined> {
  const ordered = [...candidates]
    .filter((path) => !/^train/i.test(baseOf(path)))
    .sort((a, b) => testRank(baseOf(a)) - testRank(baseOf(b)));
  for (const path of ordered) if (await fits(model, path)) return path;
  return undefined;
}

async function fits(model: string, path: string): Promise<boolean> {
  try {
    const session = await Session.create(model, { threads: 1 });
    try {
      const { inputs, outputs } = session;
      const data = await openTask(path, model, { inputs: [...inputs], outputs: [...outputs] });
      if (!data.labels.labelled) return false;
      for await (const { feeds } of data.stream([0], 1)) {
        await session.run(feeds, [data.output]);
        return true;
      }
      return false;
    } finally {
      await session.release();
    }
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/** A path as the config holds it: from the config's folder, with slashes, quoted where YAML needs it. */
function quoted(path: string, folder: string): string {
  const text = relative(folder, path).replaceAll('\\', '/');
  return /^[\w./][\w./ -]*$/.test(text) ? text : JSON.stringify(text);
}

function configText(suggestions: readonly Suggestion[], folder: string): string {
  const jobs = suggestions.map(({ model, data }) =>
    jobText(quoted(model, folder), data && quoted(data, folder), statSync(model).size),
  );
  return `# Jobs of nncompress; run them all with: nncompress check
# Every option of a command can stand here, written in camelCase: --calibration-samples is calibrationSamples.
# Paths start from the folder of this file.

# Options for every job that knows them.
defaults:
  force: true            # replace what an earlier run wrote
  # device: cpu          # cpu, cuda, webgpu, auto
  # threads: 1
  # seed: 0

jobs:
${jobs.join('\n')}`;
}

function jobText(model: string, data: string | undefined, bytes: number): string {
  const active = data === undefined ? '# ' : '';
  return `  - name: quantize ${model.replaceAll('"', '')}
    command: quantize
    model: ${model}
    ${active}data: ${data ?? 'test/'}${data === undefined ? '              # labelled data to judge on' : ''}
    # calibration: train/      # data to take activation ranges from (default: a train split beside the test data)
    # output: model.int8.onnx  # default: beside the model
    # report: [report.json, report.html]
    gates:                     # exit code 1 where one is not kept
      ${active}maxDrop: 1%            # accuracy lost against the original
      # confidence: 0.95       # the drop must be below the limit with this confidence
      # minAccuracy: 0.9
      # minRecall: { cat: 0.8 }
      maxSize: ${bytes}${' '.repeat(Math.max(1, 14 - String(bytes).length))}# bytes, also as 1.5MB; this is the original's size
      # minSpeedup: 1.2
      # baseline: main.json    # a report from the main branch: no metric may become worse
`;
}
