import { UserError } from '../errors.js';
import type { Dim, ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import { byteLength, DATA_TYPES, type DataType, elementCount } from '../ir/types.js';
import { encodeModel } from '../onnx/write.js';
import { Session } from '../runtime/session.js';

/** Element type of a value, and its shape as far as it is known: sizes, symbols, or `undefined` per dimension. */
export interface ValueFacts {
  type: DataType;
  dims?: readonly Dim[] | undefined;
}

/** Bytes of a value; undefined where its size is not fixed. */
export function valueBytes(facts: ValueFacts | undefined): number | undefined {
  if (!facts?.dims?.every((dim) => typeof dim === 'number')) return undefined;
  return byteLength(facts.type, elementCount(facts.dims as number[]));
}

/** Bytes above which a constant is declared as an input of its type and shape, so that no weights are loaded. */
const LARGE = 4096;

/**
 * Types and symbolic shapes of the main graph's values, as ONNX Runtime infers them: every value becomes an output
 * without type, the session is made without optimizations, and its metadata tells. Recorded types are used only where
 * ONNX Runtime cannot do without them (custom operators), and returned as they are where it cannot load the model.
 * Two dimensions with the same symbol are the same size; sequences and maps are left out.
 * @param hints shapes known from elsewhere, which the inference starts from.
 */
export async function inferValueTypes(
  model: Model,
  hints: ReadonlyMap<string, ValueFacts> = new Map(),
): Promise<Map<string, ValueFacts>> {
  const facts = recordedTypes(model);
  for (const recorded of [new Map<string, ValueFacts>(), facts]) {
    const probe = probeOf(model, new Map([...recorded, ...hints]));
    const found = await ask(probe);
    if (!found) continue;
    await markUnknownRanks(probe, found);
    for (const [name, fact] of found) facts.set(name, fact);
    break;
  }
  markMatrices(model, facts);
  return facts;
}

async function ask(probe: Model): Promise<Map<string, ValueFacts> | undefined> {
  try {
    const session = await Session.create(encodeModel(probe), { optimization: 'disabled', threads: 1 });
    const found = new Map<string, ValueFacts>();
    for (const { name, type, dims } of [...session.inputs, ...session.outputs])
      if (type && type in DATA_TYPES) found.set(name, { type: type as DataType, dims });
    await session.release();
    return found;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/**
 * ONNX Runtime tells no dimensions for scalars and for values of unknown rank alike. The shape of their Shape tells them
 * apart: it has as many elements as the value has axes, or nobody knows how many.
 */
async function markUnknownRanks(probe: Model, found: Map<string, ValueFacts>): Promise<void> {
  const doubtful = [...found].filter(([, { dims }]) => dims?.length === 0).map(([name]) => name);
  if (!doubtful.length) return;
  const second = probe.clone();
  const ranks = doubtful.map((name) => ({ name, rank: second.freshName(`${name}_rank`) }));
  for (const { name, rank } of ranks)
    second.graph.nodes.push(new Node({ op: 'Shape', inputs: [name], outputs: [rank] }));
  second.graph.outputs.push(...ranks.map(({ rank }) => ({ name: rank })));
  const shapes = await ask(second);
  for (const { name, rank } of ranks)
    if (shapes?.get(rank)?.dims?.[0] === undefined) found.set(name, { type: found.get(name)!.type });
}

/** Gemm takes and gives matrices, whatever is known of the values that it comes after, such as a Loop's. */
function markMatrices({ graph }: Model, facts: Map<string, ValueFacts>): void {
  for (const { type, inputs, outputs } of graph.nodes)
    for (const name of type === 'Gemm' ? [inputs[0]!, inputs[1]!, outputs[0]!] : []) {
      const known = facts.get(name);
      if (known && !known.dims) facts.set(name, { ...known, dims: [undefined, undefined] });
    }
}

function recordedTypes(model: Model): Map<string, ValueFacts> {
  const { graph } = model;
  const facts = new Map<string, ValueFacts>();
  for (const info of [...graph.inputs, ...graph.valueInfos.values(), ...graph.outputs])
    if (info.type?.kind === 'tensor') facts.set(info.name, { type: info.type.elem, dims: info.type.shape });
  for (const tensor of graph.initializers.values()) facts.set(tensor.name, { type: tensor.type, dims: tensor.dims });
  return facts;
}

/** A copy of the model without its large constants, in which every value of the main graph is an output. */
function probeOf(model: Model, known: ReadonlyMap<string, ValueFacts>): Model {
  const probe = model.clone();
  const { graph } = probe;
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const declare = (name: string, type: DataType, dims: readonly Dim[]) => {
    if (!inputs.has(name)) graph.inputs.push(infoOf(name, { type, dims }));
  };
  for (const [name, tensor] of graph.initializers) {
    if (tensor.byteLength <= LARGE || tensor.strings) continue;
    graph.initializers.delete(name);
    declare(name, tensor.type, tensor.dims);
  }
  graph.nodes = graph.nodes.filter((node) => {
    const value = node.type === 'Constant' ? node.tensor('value') : undefined;
    if (!value || value.byteLength <= LARGE || value.strings) return true;
    declare(node.outputs[0]!, value.type, value.dims);
    return false;
  });
  graph.valueInfos.clear();
  graph.outputs = graph.nodes
    .flatMap((node) => node.outputs.filter(Boolean))
    .map((name) => infoOf(name, known.get(name)));
  return probe;
}

function infoOf(name: string, facts: ValueFacts | undefined): ValueInfo {
  return facts ? { name, type: { kind: 'tensor', elem: facts.type, shape: facts.dims } } : { name };
}
