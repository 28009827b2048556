import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { exampleInputs } from '../analysis/example-inputs.js';
import { copyBeside } from '../data/beside.js';
import { EXIT, UserError } from '../errors.js';
import { inTemporaryFolder, writeAtomically } from '../files.js';
import { sumOf } from '../group.js';
import type { ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { isFloat, type NamedValues } from '../ir/types.js';
import { isManifest, MANIFEST, type Manifest, manifestOf } from '../onnx/parts.js';
import { readModel } from '../onnx/read.js';
import { writeModel } from '../onnx/write.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import { type SplitCosts, splitCosts } from '../passes/split/costs.js';
import { splitModel } from '../passes/split/split-model.js';
import { findStages } from '../passes/split/stages.js';
import { Session } from '../runtime/session.js';
import type { CommandContext } from './context.js';
import { type Column, formatBytes, formatCount, formatInteger, table } from './layout.js';
import { resolveModelPath } from './model-path.js';
import { displayShape } from './option-shapes.js';
import { exact, flag, namedSizes, path, wholeNumber } from './option-values.js';

/** What `nncompress split` takes besides the model. */
export const options = exact({
  parts: wholeNumber(2),
  /** Folder for the parts. */
  output: path().optional(),
  shape: z.array(namedSizes()).default([]),
  force: flag().default(false),
  dryRun: flag().default(false),
  json: flag().default(false),
  ...displayShape,
});

export type SplitOptions = z.output<typeof options>;

/** Cuts a model into parts that run one after the other, and shows what each holds. */
export async function run(given: string, options: SplitOptions, context: CommandContext): Promise<number> {
  const { print } = context;
  const { manifest, folder, difference } = await split(given, options);
  if (options.json) print(JSON.stringify(manifest, null, 2));
  else {
    print(`${manifest.source} → ${folder}${options.dryRun ? ' (not written)' : ''}`);
    for (const line of partLines(manifest)) print(`  ${line}`);
    print(
      difference
        ? `Checked: outputs differ from the whole model's by at most ${difference.toExponential(1)}.`
        : "Checked: outputs are the whole model's to the bit.",
    );
  }
  return EXIT.ok;
}

/** A model's parts, and the largest difference of an output from the whole model's on example inputs. */
export interface SplitResult {
  manifest: Manifest;
  folder: string;
  difference: number;
}

/** Writes the parts of a model into a folder, with the files beside it. @throws UserError where there is no place to cut */
export async function split(given: string, options: SplitOptions): Promise<SplitResult> {
  const source = resolveModelPath(given);
  const folder = options.output ?? `${source.replace(/\.onnx$/i, '')}.parts`;
  if (!options.dryRun) checkFolder(folder, options.force);
  const model = readModel(source);
  await removeDeadNodes.run(model);
  const { parts, costs } = await cutModel(model, source, options);
  return writeFolder(folder, options.dryRun, async (into) => {
    const described: Manifest['parts'] = [];
    for (const [k, part] of parts.entries()) {
      const file = `part-${k + 1}.onnx`;
      const { bytes } = await writeModel(part, join(into, file));
      described.push({ file, bytes, ...describePart(part, parts.slice(0, k), costs) });
    }
    const names = (infos: readonly ValueInfo[]) => infos.map(({ name }) => name);
    const manifest = manifestOf({
      source: basename(source),
      inputs: names(model.graph.inputs),
      outputs: names(model.graph.outputs),
      parts: described,
      shared: sharedWeights(parts),
    });
    writeFileSync(join(into, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    await copyBeside(dirname(source), into);
    const feeds = exampleInputs(model, options.shape);
    const difference = await largestDifference(source, join(into, MANIFEST), feeds).catch((error: unknown) => {
      throw error instanceof UserError ? cannotTry(error, source, feeds) : error;
    });
    return { manifest, folder, difference };
  });
}

function cannotTry({ what }: UserError, file: string, feeds: NamedValues): UserError {
  const tried = Object.entries(feeds).map(([name, { dims }]) => `${name}=${dims.join('x')}`);
  return new UserError(`cannot be run on ${tried.join(', ')}: ${what}`, {
    file,
    mend: 'give sizes that it takes with --shape',
  });
}

async function cutModel(model: Model, file: string, { parts, shape }: SplitOptions) {
  const costs = await splitCosts(model, { shapes: shape });
  const stages = findStages(model, parts, costs);
  if (stages.length < parts)
    throw new UserError(`can be cut into at most ${stages.length} parts`, { file, mend: 'ask for fewer with --parts' });
  return { parts: await splitModel(model, stages, costs.typeOf), costs };
}

/** What a manifest tells of a part, besides its file. */
function describePart({ graph }: Model, earlier: readonly Model[], { macs, bytes }: SplitCosts) {
  const given = new Set(earlier.flatMap((part) => part.graph.outputs.map(({ name }) => name)));
  const inputs = graph.inputs.map(({ name }) => name);
  const received = inputs.filter((name) => given.has(name));
  return {
    inputs,
    outputs: graph.outputs.map(({ name }) => name),
    nodes: graph.nodes.length,
    parameters: sumOf(graph.initializers.values(), ({ type, size }) => (isFloat(type) ? size : 0)),
    macs: sumOf(graph.nodes, macs),
    received: sumOf(received, (name) => bytes(name) ?? 0),
  };
}

/** Tensors of fewer bytes are no weights worth a word. */
const SMALL = 1024;

function sharedWeights(parts: readonly Model[]): Manifest['shared'] {
  const holders = new Map<string, number[]>();
  for (const [k, { graph }] of parts.entries())
    for (const [name, { byteLength }] of graph.initializers)
      if (byteLength >= SMALL) holders.set(name, [...(holders.get(name) ?? []), k + 1]);
  return [...holders].filter(([, { length }]) => length > 1).map(([name, parts]) => ({ name, parts }));
}

/** The largest difference of an output of the parts from that of the whole model. */
async function largestDifference(whole: string, manifest: string, feeds: NamedValues): Promise<number> {
  const run = (path: string) => Session.runOnce(path, feeds, { threads: 1 });
  const [expected, found] = [await run(whole), await run(manifest)];
  let largest = 0;
  for (const [name, { data }] of Object.entries(expected))
    for (let k = 0; k < data.length; k++) {
      const [a, b] = [data[k], found[name]!.data[k]];
      if (!Object.is(a, b)) largest = Math.max(largest, Math.abs(Number(a) - Number(b)));
    }
  return largest;
}

/** @throws UserError where something is there that may not be replaced, or is no split model */
function checkFolder(folder: string, force: boolean): void {
  const mend = 'name another folder with -o';
  if (!existsSync(dirname(folder))) throw new UserError('the folder around it does not exist', { file: folder, mend });
  if (!existsSync(folder) || (statSync(folder).isDirectory() && !readdirSync(folder).length)) return;
  if (!isManifest(join(folder, MANIFEST)))
    throw new UserError('is there already, and holds something else than a split model', { file: folder, mend });
  if (!force)
    throw new UserError('the output exists', { file: folder, mend: `pass --force to replace it, or ${mend}` });
}

/** Fills a folder beside the target and puts it in its place when it is complete. */
async function writeFolder<T>(target: string, dryRun: boolean, fill: (folder: string) => Promise<T>): Promise<T> {
  if (dryRun) return inTemporaryFolder(fill);
  let result: T;
  await writeAtomically(target, async (temporary) => {
    mkdirSync(temporary);
    result = await fill(temporary);
    rmSync(target, { recursive: true, force: true });
  });
  return result!;
}

function partLines({ parts }: Manifest): string[] {
  const total = sumOf(parts, ({ macs }) => macs);
  const columns: Column[] = [
    { title: 'part' },
    ...['nodes', 'parameters', 'size', 'MACs', 'share', 'receives'].map((title): Column => ({ title, align: 'right' })),
  ];
  const rows = parts.map(({ file, nodes, parameters, bytes, macs, received }) => [
    file,
    formatInteger(nodes),
    formatInteger(parameters),
    formatBytes(bytes),
    formatCount(macs),
    total ? `${Math.round((100 * macs) / total)} %` : '',
    received ? formatBytes(received) : '',
  ]);
  return table(columns, rows);
}
