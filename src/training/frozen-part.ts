import type { ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import type { TrainableModel } from './prepare.js';

/** A model cut where training begins. */
export interface FrozenPart {
  /** From the inputs to the features: the values that the trained part takes. */
  features: Model;
  /** From the features to the outputs. */
  trained: TrainableModel;
  values: Feature[];
}

/** A value that is computed once for each sample, `[batch, …sizes]`. */
export interface Feature {
  name: string;
  type: 'float32' | 'float16';
  sizes: readonly number[];
}

/**
 * Cuts a model at the values that no trained parameter influences, so that they can be computed once for each sample.
 * @returns undefined where nothing would be saved, or where such a value is not one float row of fixed size per sample
 */
export async function cutFrozenPart(trainable: TrainableModel): Promise<FrozenPart | undefined> {
  const { model, parameters, facts } = trainable;
  const trained = new Set(parameters.map(({ name }) => name));
  const names = frontier(model, trained);
  const { producer } = model.graph.index();
  if (!names.length || names.some((name) => !producer.has(name))) return undefined;
  const rows = new Set(dataInputs(model, trained).map((name) => facts.get(name)?.dims?.[0]));
  const values: FrozenPart['values'] = [];
  for (const name of names) {
    const { type, dims = [] } = facts.get(name) ?? {};
    const [batch, ...sizes] = dims;
    // Rows that are no samples, such as those of all tokens of a batch, cannot be told apart later.
    const isRowPerSample = typeof batch === 'string' && rows.has(batch);
    if (type !== 'float32' || !isRowPerSample || !sizes.every((size) => typeof size === 'number')) return undefined;
    values.push({ name, type, sizes: sizes as number[] });
  }
  const infos = values.map(
    ({ name, sizes }): ValueInfo => ({
      name,
      type: { kind: 'tensor', elem: 'float32', shape: ['batch', ...sizes] },
    }),
  );
  return {
    features: await upTo(model, infos, trained),
    trained: { ...trainable, model: await from(model, infos, new Set(names)) },
    values,
  };
}

const dataInputs = ({ graph }: Model, trained: ReadonlySet<string>) =>
  graph.inputs.map(({ name }) => name).filter((name) => !trained.has(name));

/** Values without influence of trained parameters that nodes with it take, constants left out. */
function frontier(model: Model, trained: ReadonlySet<string>): string[] {
  const { graph } = model;
  graph.sort();
  const influenced = new Set(trained);
  const computed = new Set(dataInputs(model, trained));
  const found = new Set<string>();
  for (const { inputs, outputs } of graph.nodes)
    if (inputs.some((input) => influenced.has(input))) {
      for (const input of inputs) if (computed.has(input)) found.add(input);
      for (const output of outputs) influenced.add(output);
    } else if (inputs.some((input) => computed.has(input))) for (const output of outputs) computed.add(output);
  return [...found];
}

async function upTo(model: Model, outputs: readonly ValueInfo[], trained: ReadonlySet<string>): Promise<Model> {
  const part = model.clone();
  part.graph.inputs = part.graph.inputs.filter(({ name }) => !trained.has(name));
  part.graph.outputs = outputs.map((info) => ({ ...info }));
  await removeDeadNodes.run(part);
  return part;
}

async function from(model: Model, inputs: readonly ValueInfo[], names: ReadonlySet<string>): Promise<Model> {
  const part = model.clone();
  const { graph } = part;
  graph.nodes = graph.nodes.filter(({ outputs }) => !outputs.some((output) => names.has(output)));
  graph.inputs.push(...inputs.map((info) => ({ ...info })));
  await removeDeadNodes.run(part);
  const used = new Set(graph.nodes.flatMap((node) => node.inputs));
  graph.inputs = graph.inputs.filter(({ name }) => used.has(name));
  return part;
}
