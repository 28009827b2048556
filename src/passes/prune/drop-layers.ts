import type { ResidualLayer } from '../../analysis/residual-layers.js';
import type { Model } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import { Bypass } from '../bypass.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { upgradeOpset } from '../opset-upgrade/upgrade-opset.js';
import { runPasses } from '../pass.js';
import { unfuse } from '../unfuse/unfuse.js';
import { prepareForPruning } from './prepare.js';

/** Operators that add the result of a block to what it took, and normalize the sum at once. */
const FUSED_SUMS: readonly string[] = [
  'com.microsoft.SkipLayerNormalization',
  'com.microsoft.SkipSimplifiedLayerNormalization',
];

/** A cleaned-up copy of a model in which sums stand alone, so that layers can be told. */
export async function prepareForDepth(original: Model): Promise<Model> {
  const model = await prepareForPruning(original);
  if (!model.graph.nodes.some(({ type }) => FUSED_SUMS.includes(type))) return model;
  if (model.opset < 18) await runPasses(model, [upgradeOpset(18)]);
  await runPasses(model, [unfuse((type) => !FUSED_SUMS.includes(type)), removeDeadNodes]);
  return model;
}

/**
 * A copy of a model without some of its layers: what each takes stands for what it gave. Names of the model's outputs stay.
 * @param layers found in this very model, or a copy
 */
export function dropLayers(model: Model, layers: readonly ResidualLayer[]): Model {
  const shallow = model.clone();
  const { graph } = shallow;
  const inputs = new Map(layers.map(({ input, output }) => [output, input]));
  const shortcuts: Node[] = [];
  graph.nodes = graph.nodes.map((node) => {
    const output = node.outputs.find((name) => inputs.has(name));
    if (output === undefined) return node;
    const shortcut = new Node({ op: 'Identity', inputs: [inputs.get(output)!], outputs: [output] });
    shortcuts.push(shortcut);
    return shortcut;
  });
  const bypass = new Bypass(graph);
  for (const shortcut of shortcuts) bypass.take(shortcut, shortcut.inputs[0]!);
  bypass.apply();
  removeDeadNodes.run(shallow);
  graph.sort();
  return shallow;
}

/** Layers to keep, spread evenly from the first to the last (Sanh et al. 2019, "DistilBERT"), as numbers from 0. */
export function evenLayers(count: number, kept: number): Set<number> {
  const step = kept > 1 ? (count - 1) / (kept - 1) : 0;
  return new Set(Array.from({ length: kept }, (_, k) => Math.round(k * step)));
}

/**
 * Leaves layers out one after the other, each time the one without which outputs change least.
 * @param nearness how near the outputs of models are to those of the whole one, the more, the nearer; each is built when it
 *   is needed.
 * @returns those to leave out, the least harmful first.
 */
export async function leastHarmful(
  model: Model,
  layers: readonly ResidualLayer[],
  count: number,
  nearness: (models: readonly (() => Model)[]) => Promise<readonly number[]>,
): Promise<ResidualLayer[]> {
  const dropped: ResidualLayer[] = [];
  while (dropped.length < count) {
    const candidates = layers.filter((layer) => !dropped.includes(layer));
    const found = await nearness(candidates.map((layer) => () => dropLayers(model, [...dropped, layer])));
    dropped.push(candidates[found.indexOf(Math.max(...found))]!);
  }
  return dropped;
}
