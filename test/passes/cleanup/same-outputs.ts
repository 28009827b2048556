import { messageOf } from '../../../src/errors.js';
import type { Model } from '../../../src/ir/model.js';
import { Node } from '../../../src/ir/node.js';
import { tensorOfValue } from '../../../src/ir/tensor.js';
import type { NamedValues } from '../../../src/ir/types.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { type Pass, runPasses } from '../../../src/passes/pass.js';
import { Session } from '../../../src/runtime/session.js';
import { difference } from '../onnx-testdata.js';

/** What ONNX Runtime gives for a model, with its own optimizations off. */
export async function outputsOf(model: Model, feeds: NamedValues): Promise<NamedValues> {
  const session = await Session.create(encodeModel(model), { threads: 1, optimization: 'disabled' });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Runs passes on a copy of a model. @returns what is wrong with its outputs then; undefined where they are the same. */
export async function problemAfter(
  passes: readonly Pass[],
  model: Model,
  feeds: NamedValues,
  expected: NamedValues,
  tolerance = 1e-5,
): Promise<string | undefined> {
  const copy = model.clone();
  try {
    const records = await runPasses(copy, passes);
    if (!records.some((record) => record.changed)) return undefined;
    const found = await outputsOf(copy, feeds);
    for (const [name, value] of Object.entries(expected)) {
      const gap = difference(found[name], value);
      if (!(gap <= tolerance)) return `${name} differs by ${gap}`;
    }
    return undefined;
  } catch (error) {
    const cause = error instanceof Error && error.cause ? ` (${messageOf(error.cause)})` : '';
    return messageOf(error) + cause;
  }
}

/**
 * The model with its inputs made constants, and each output handed on by an Identity: everything in it can be folded.
 */
export function withConstantInputs(model: Model, feeds: NamedValues): Model {
  const baked = model.clone();
  const { graph } = baked;
  for (const [name, value] of Object.entries(feeds)) graph.initializers.set(name, tensorOfValue(name, value));
  graph.inputs = graph.inputs.filter((input) => !(input.name in feeds));
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  const inner = new Map(graph.outputs.map(({ name }) => [name, baked.freshName(`${name}_inner`)]));
  for (const node of graph.nodes) node.outputs = node.outputs.map((name) => inner.get(name) ?? name);
  graph.replaceAllUses(inner);
  for (const [name, source] of inner)
    graph.nodes.push(new Node({ op: 'Identity', inputs: [made.has(name) ? source : name], outputs: [name] }));
  if (baked.irVersion < 4n) baked.irVersion = 4n;
  return baked;
}

/**
 * The model with symbols in place of its inputs' sizes, equal ones for equal sizes. Vectors keep theirs, which are often
 * the number of another value's dimensions.
 */
export function withSymbolicInputs(model: Model): Model {
  const open = model.clone();
  for (const input of open.graph.inputs)
    if (input.type?.kind === 'tensor' && input.type.shape && input.type.shape.length > 1) {
      const shape = input.type.shape.map((dim) => (typeof dim === 'number' ? `size${dim}` : dim));
      input.type = { ...input.type, shape };
    }
  return open;
}
