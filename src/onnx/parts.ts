import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import type { ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { resolveInside } from './external-data.js';

/** The file that says how the sub-models of a folder belong together. */
export const MANIFEST = 'manifest.json';

const FORMAT = 'nncompress-parts';

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  /** Name of the model that was split. */
  source: z.string(),
  inputs: z.array(z.string()),
  outputs: z.array(z.string()),
  /** In the order in which they run. */
  parts: z
    .array(
      z.object({
        file: z.string(),
        /** Inputs of the model and values that earlier parts give. */
        inputs: z.array(z.string()),
        outputs: z.array(z.string()),
        nodes: z.number(),
        parameters: z.number(),
        bytes: z.number(),
        /** Multiply-accumulates of one run on example inputs. */
        macs: z.number(),
        /** Bytes that earlier parts hand over for one run on example inputs. */
        received: z.number(),
      }),
    )
    .min(1),
  /** Weights that lie in several parts, and their numbers from 1. */
  shared: z.array(z.object({ name: z.string(), parts: z.array(z.number()) })),
});

/** How the parts of a split model belong together; values are handed over by name. */
export type Manifest = z.infer<typeof manifestSchema>;

/** A manifest with the fields that every one has. */
export function manifestOf(fields: Omit<Manifest, 'format' | 'version'>): Manifest {
  return { format: FORMAT, version: 1, ...fields };
}

/** True where a path is that of a split model's manifest. */
export function isManifest(path: string): boolean {
  if (basename(path) !== MANIFEST || !statSync(path, { throwIfNoEntry: false })?.isFile()) return false;
  return readFileSync(path, 'utf8').includes(FORMAT);
}

/** A manifest and the paths of its parts. @throws UserError where it is damaged, or names files outside its folder */
export function readManifest(path: string): { manifest: Manifest; files: string[] } {
  const manifest = parse(path);
  return { manifest, files: manifest.parts.map(({ file }) => resolveInside(path, file, 'part of the model')) };
}

function parse(path: string): Manifest {
  const mend = 'split the model again';
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw new UserError('is no JSON', { file: path, mend });
    const { path: place, message } = error.issues[0]!;
    throw new UserError(`is no manifest of a split model: ${message}`, { file: path, where: place.join('.'), mend });
  }
}

/**
 * The whole model that parts make up.
 * @param path names the manifest in messages.
 * @throws UserError where two parts make the same value, or one is missing that an output needs
 */
export function joinModels(parts: readonly Model[], { inputs, outputs }: Manifest, path: string): Model {
  const whole = parts[0]!.clone();
  const { graph } = whole;
  const infos = new Map<string, ValueInfo>();
  const made = new Set<string>();
  graph.nodes = [];
  for (const part of parts) {
    const { graph: own } = part.clone();
    for (const info of [...own.inputs, ...own.outputs, ...own.valueInfos.values()])
      if (!infos.has(info.name)) infos.set(info.name, info);
    for (const [domain, version] of part.opsets)
      whole.opsets.set(domain, Math.max(version, whole.opsets.get(domain) ?? 0));
    for (const [name, tensor] of own.initializers) graph.initializers.set(name, tensor);
    // What depends on constants alone is in every part that uses it.
    graph.nodes.push(...own.nodes.filter(({ outputs }) => !outputs.some((output) => output && made.has(output))));
    for (const node of own.nodes) for (const output of node.outputs) made.add(output);
    for (const name of own.sparse) graph.sparse.add(name);
  }
  const infoOf = (name: string): ValueInfo => {
    const info = infos.get(name);
    if (info) return info;
    throw new UserError(`no part has '${name}'`, { file: path, mend: 'split the model again' });
  };
  graph.inputs = inputs.map(infoOf);
  graph.outputs = outputs.map(infoOf);
  graph.valueInfos = new Map([...infos].filter(([name]) => made.has(name) && !outputs.includes(name)));
  return whole;
}
