import { UserError } from '../errors.js';
import type { Dim } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { DATA_TYPES, type DataType } from '../ir/types.js';
import { encodeModel } from '../onnx/write.js';
import { Session } from '../runtime/session.js';

/** Element type of a value, and its shape as far as it is known: sizes, symbols, or `undefined` per dimension. */
export interface ValueFacts {
  type: DataType;
  dims?: readonly Dim[] | undefined;
}

/** Larger constants are declared as inputs of their type and shape, so that no weights are loaded. */
const LARGE = 4096;

/**
 * Types and symbolic shapes of the main graph's values, as ONNX Runtime infers them: every value becomes an output
 * without type, the session is made without optimizations, and its metadata tells. Where ONNX Runtime cannot load the
 * model, what the file has on record is returned.
 */
export async function inferValueTypes(model: Model): Promise<Map<string, ValueFacts>> {
  const facts = recordedTypes(model);
  const probe = probeOf(model);
  try {
    const session = await Session.create(encodeModel(probe), { optimization: 'disabled', threads: 1 });
    for (const value of [...session.inputs, ...session.outputs])
      if (value.type && value.type in DATA_TYPES)
        facts.set(value.name, { type: value.type as DataType, dims: value.dims });
    await session.release();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return facts;
}

function recordedTypes(model: Model): Map<string, ValueFacts> {
  const { graph } = model;
  const facts = new Map<string, ValueFacts>();
  for (const info of [...graph.inputs, ...graph.valueInfos.values(), ...graph.outputs])
    if (info.type?.kind === 'tensor') facts.set(info.name, { type: info.type.elem, dims: info.type.shape });
  for (const tensor of graph.initializers.values()) facts.set(tensor.name, { type: tensor.type, dims: tensor.dims });
  return facts;
}

function probeOf(model: Model): Model {
  const probe = model.clone();
  const { graph } = probe;
  graph.valueInfos.clear();
  for (const [name, tensor] of graph.initializers) {
    if (tensor.byteLength <= LARGE || tensor.strings) continue;
    graph.initializers.delete(name);
    if (!graph.isInput(name))
      graph.inputs.push({ name, type: { kind: 'tensor', elem: tensor.type, shape: tensor.dims } });
  }
  for (const node of graph.nodes) {
    const value = node.type === 'Constant' ? node.tensor('value') : undefined;
    if (!value || value.byteLength <= LARGE || value.strings) continue;
    graph.removeNodes(new Set([node]));
    graph.inputs.push({ name: node.outputs[0]!, type: { kind: 'tensor', elem: value.type, shape: value.dims } });
  }
  const known = new Set(graph.outputs.map((output) => output.name));
  for (const node of graph.nodes)
    for (const output of node.outputs) if (output && !known.has(output)) graph.outputs.push({ name: output });
  return probe;
}
