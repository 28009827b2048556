import { type ChannelGroups, findChannelGroups } from '../../../src/analysis/channel-groups.js';
import { exampleInputs, type GivenShapes } from '../../../src/analysis/example-inputs.js';
import type { Model } from '../../../src/ir/model.js';
import { prepareForPruning } from '../../../src/passes/prune/prepare.js';
import { type RemovedChannels, removeChannels } from '../../../src/passes/prune/remove-channels.js';
import { outputsOf } from '../cleanup/same-outputs.js';
import { difference } from '../onnx-testdata.js';
import { zeroChannels } from './zero-channels.js';

/** A model ready to be pruned, and its groups. */
export interface Prunable {
  model: Model;
  found: ChannelGroups;
}

export async function prunable(original: Model): Promise<Prunable> {
  const model = await prepareForPruning(original);
  return { model, found: await findChannelGroups(model) };
}

/** How far the outputs of a model without channels are from those of the model in which they do nothing. */
export async function oracleGap(
  { model, found }: Prunable,
  removed: RemovedChannels,
  shapes: GivenShapes = [],
): Promise<number> {
  const feeds = exampleInputs(model, shapes);
  for (const { data } of Object.values(feeds))
    if (data instanceof BigInt64Array) for (const i of data.keys()) data[i] = BigInt((i * 5) % 9);
  const expected = await outputsOf(zeroChannels(model, found, removed), feeds);
  const outputs = await outputsOf(await removeChannels(model, found, removed), feeds);
  return Math.max(...Object.entries(expected).map(([name, value]) => difference(outputs[name], value)));
}

/** Every third channel of each group, on its own. */
export function everyThird({ found }: Prunable): RemovedChannels[] {
  return found.groups.map((group) => {
    const channels = Array.from({ length: group.size }, (_, channel) => channel);
    return new Map([[group, new Set(channels.filter((channel) => channel % 3 === 1))]]);
  });
}
