import type { ChannelGroups } from '../../analysis/channel-groups.js';
import { Emitter } from '../../ir/emitter.js';
import type { Model } from '../../ir/model.js';
import type { Tensor } from '../../ir/tensor.js';
import { isFloat } from '../../ir/types.js';
import { foldConstants } from '../cleanup/fold-constants.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { runPasses } from '../pass.js';
import { leftIndices, type RemovedChannels, removeChannels } from '../prune/remove-channels.js';
import type { LeftIndices } from '../prune/resized-node.js';
import { putBeside } from '../side-by-side.js';

/** A model at several widths at once, whose matrices and kernels are stored once. */
export interface NestedWidths {
  /** Computes the outputs of all widths in one run. */
  model: Model;
  /** The outputs of each width, in the order of those of the whole model. */
  outputs: readonly (readonly string[])[];
}

/**
 * Puts narrower forms of a model beside it. A narrower form takes its matrices and kernels from those of the whole model,
 * by Gather, so that training moves them for all; biases, and what else is a vector, each width has for itself, as
 * batch normalizations have to be (Yu et al. 2019, "Slimmable Neural Networks").
 * @param found the groups of this very model
 * @param removed what each form lacks; nothing for the whole model.
 */
export async function nestWidths(
  whole: Model,
  found: ChannelGroups,
  removed: readonly RemovedChannels[],
): Promise<NestedWidths> {
  const model = whole.clone();
  const originals = model.graph.outputs;
  const outputs: string[][] = [];
  for (const gone of removed) {
    const isWhole = [...gone.values()].every(({ size }) => !size);
    const nameOf = isWhole ? (name: string) => name : putBeside(model, await borrowing(whole, found, gone));
    outputs.push(originals.map(({ name }) => nameOf(name)));
  }
  model.graph.outputs = originals.flatMap((info, k) =>
    [...new Set(outputs.map((names) => names[k]!))].map((name) => ({ ...info, name })),
  );
  model.graph.sort();
  return { model, outputs };
}

/** A narrower form whose matrices and kernels are gathered from those of the whole model. */
async function borrowing(whole: Model, found: ChannelGroups, removed: RemovedChannels): Promise<Model> {
  const narrow = await removeChannels(whole, found, removed);
  const { graph } = narrow;
  const left = leftIndices(removed);
  for (const [name, tensor] of [...graph.initializers]) {
    if (!isFloat(tensor.type) || tensor.size < 2) continue;
    const all = whole.graph.initializers.get(name);
    if (!all || !isMatrix(all)) graph.initializers.set(name, tensor.renamed(name));
    else if (tensor !== all) borrow(narrow, name, all, left);
  }
  graph.sort();
  return narrow;
}

/** False for biases, scales and statistics, whatever their axes. */
export const isMatrix = ({ type, dims }: Tensor) => isFloat(type) && dims.filter((dim) => dim > 1).length > 1;

function borrow(narrow: Model, name: string, all: Tensor, left: LeftIndices): void {
  const nodes: Model['graph']['nodes'] = [];
  const g = new Emitter(narrow, `${name}/narrow`, nodes);
  let value = name;
  for (const [axis, indices] of left.get(name) ?? []) value = g.op('Gather', [value, g.ints([...indices])], { axis });
  narrow.graph.replaceUses(name, value);
  narrow.graph.initializers.set(name, all);
  narrow.graph.nodes.push(...nodes);
}

/** One width of a nested model as a model of its own, with the outputs of the whole one. */
export async function widthAlone({ model: nested, outputs }: NestedWidths, width: number): Promise<Model> {
  const model = nested.clone();
  const { graph } = model;
  const own = outputs[width]!;
  const names = outputs[0]!;
  graph.outputs = own.map((name) => ({ ...graph.outputs.find((info) => info.name === name)! }));
  await runPasses(model, [removeDeadNodes, foldConstants, removeDeadNodes]);
  const g = new Emitter(model, 'width');
  for (const [k, info] of graph.outputs.entries()) {
    g.rename(info.name, names[k]!);
    info.name = names[k]!;
  }
  return model;
}
