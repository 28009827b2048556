import type { Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import type { NamedValues } from '../ir/types.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { Session } from '../runtime/session.js';
import { withLoadable } from '../runtime/source.js';
import { inferValueTypes, type ValueFacts } from './value-types.js';

/**
 * Types and shapes of the main graph's values as they are for some inputs, where inference leaves ranks and sizes open: the
 * model is run, and gives the shapes of its values but not the values.
 * @throws UserError where it cannot be run on the inputs
 */
export async function observeShapes(
  model: Model,
  feeds: NamedValues,
  session: SessionOptions,
): Promise<Map<string, ValueFacts>> {
  const facts = await inferValueTypes(model);
  const probe = model.clone();
  const { graph } = probe;
  const values = graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => facts.has(name)));
  const shapes = values.map((name) => ({ name, shape: probe.freshName(`${name}/shape`) }));
  graph.nodes.push(
    ...shapes.map(({ name, shape }) => new Node({ op: 'Shape', name: shape, inputs: [name], outputs: [shape] })),
  );
  graph.outputs = shapes.map(({ shape }) => ({ name: shape }));
  const results = await withLoadable([probe], ([source]) => Session.runOnce(source!, feeds, session));
  return new Map(
    shapes.map(({ name, shape }) => [name, { ...facts.get(name)!, dims: Array.from(results[shape]!.data, Number) }]),
  );
}
